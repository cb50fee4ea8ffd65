// A consumer that cannot take records for a while: it passes over damaged records and no others
// (P7).
#include "node/replication/consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "node/replication/replica_test_util.h"
#include "support/result_matchers.h"

namespace harmonylite::node {
namespace {

using change::FrameHeader;
using ports::LogRecord;
using ports::LogSeq;
using std::chrono::milliseconds;

// A log in memory that contains what the test appends.
class HeldLog final : public ports::ReplicationLog {
 public:
  Status EnsureReady() override { return Ok(); }
  Result<ports::LogState> State() override {
    return ports::LogState{1, LogSeq(1), LogSeq(records.size())};
  }
  Result<LogRecord> LastOf(const Origin&) override {
    return MakeError(ErrorCode::kNotFound, "none");
  }
  ports::PublishReply Publish(const ports::PublishRequest&) override { return {}; }
  Result<std::unique_ptr<ports::LogReader>> OpenReader(LogSeq from) override {
    return std::unique_ptr<ports::LogReader>(new Reader(this, from.value));
  }
  size_t max_payload() const override { return 1 << 20; }

  // Appends a batch as records with `slice` bytes of it each.
  void Append(const capture::BuiltBatch& batch, size_t slice = SIZE_MAX) {
    std::string bytes;
    Must(batch.bytes.ReadAt(0, batch.bytes.size(), &bytes));
    FrameHeader header;
    header.sender = batch.header.sender;
    header.attempt = records.size() + 1;
    header.count = static_cast<uint32_t>((bytes.size() - 1) / slice + 1);
    header.to = batch.to;
    header.batch_bytes = bytes.size();
    header.batch_checksum = batch.bytes.Checksum().value();
    for (; header.index < header.count; ++header.index)
      records.push_back({LogSeq(records.size() + 1), header.sender,
                         change::EncodeFrame(
                             header, std::string_view(bytes).substr(header.index * slice, slice))});
  }
  std::vector<LogRecord> records;

 private:
  class Reader final : public ports::LogReader {
   public:
    Reader(HeldLog* log, uint64_t next) : log_(log), next_(next) {}
    Status Read(size_t most, milliseconds, std::vector<LogRecord>* out) override {
      for (; most > 0 && next_ <= log_->records.size(); --most)
        out->push_back(log_->records[next_++ - 1]);
      return Ok();
    }

   private:
    HeldLog* log_;
    uint64_t next_;
  };
};

// Node 2 follows a log; nodes 1 and 3 have written to it and are gone.
class ConsumerTest : public testing::Test {
 protected:
  ConsumerTest() {
    options_.spool_directory = dir_.File("spools");
    options_.spool_memory = 16;  // bytes: every batch is spooled to the disk
    options_.publish = false;
    // Stamps come from today's clock and the node's clock is a manual one, so any difference is
    // allowed.
    options_.max_clock_skew_ms = int64_t{1} << 40;
    Must(node_.replica().Introduce(&shared_));
    SetSpools(true);
    MakeConsumer();
  }
  ~ConsumerTest() override { close(null_); }

  void MakeConsumer() {
    consumer_ = std::make_unique<Consumer>(Consumer::Dependencies{
        &options_, &node_.replica(), &log_, &shared_, &node_.clock(), &logger_, 1});
  }
  // Makes or removes the directory for spools, without which the consumer cannot take a batch.
  void SetSpools(bool there) {
    const char* path = options_.spool_directory.c_str();
    ASSERT_EQ(there ? mkdir(path, 0700) : rmdir(path), 0);
  }
  // Lets `ms` milliseconds of the manual clock pass while the consumer makes steps.
  void Run(int64_t ms) {
    for (const int64_t end = node_.clock().monotonic_ms + ms; node_.clock().monotonic_ms < end;
         node_.clock().monotonic_ms += 50)
      for (int i = 0; i < 20; ++i) consumer_->Step(milliseconds(0));
  }
  // Writes one row at `writer`, and appends it to the log.
  void Write(TestReplica* writer, int id, size_t slice = SIZE_MAX) {
    writer->App("INSERT INTO t VALUES(" + std::to_string(id) +
                ", 'what node 1 and node 3 have written')");
    log_.Append(*writer->Publish(), slice);
  }

  test::TempDir dir_;
  const int null_ = open("/dev/null", O_WRONLY | O_CLOEXEC);
  Logger logger_{null_, LogFormat::kConsole, LogLevel::kError};
  TestReplica one_{1};
  TestReplica node_{2};
  TestReplica three_{3};
  NodeOptions options_;
  SharedState shared_;
  HeldLog log_;
  std::unique_ptr<Consumer> consumer_;
};

TEST_F(ConsumerTest, WhatThereIsNoRoomForIsTakenWhenThereIs) {
  Write(&one_, 1);
  Run(1'000);
  EXPECT_EQ(node_.Rows().size(), 1u);
  EXPECT_EQ(shared_.applied().stalled, "");
  SetSpools(false);
  Write(&one_, 2);
  Write(&three_, 3);
  Run(20'000);
  EXPECT_EQ(node_.Rows().size(), 1u);
  EXPECT_THAT(shared_.applied().stalled, testing::HasSubstr("cannot make a temporary file"));
  EXPECT_FALSE(shared_.applied().dropped);
  EXPECT_FALSE(shared_.applied().caught_up);
  EXPECT_LE(node_.replica().state().cursor, 2u) << "a restart reads them again";
  SetSpools(true);
  Run(6'000);
  EXPECT_EQ(node_.Rows().size(), 3u);
  EXPECT_EQ(shared_.applied().stalled, "");
  EXPECT_TRUE(shared_.applied().caught_up);
}

TEST_F(ConsumerTest, ABatchOfWhichSomeSlicesAreHereGoesOnWithTheNextOne) {
  Write(&one_, 1, /*slice=*/12);
  ASSERT_GT(log_.records.size(), 3u);
  const std::vector<LogRecord> all = log_.records;
  log_.records.resize(1);
  Run(1'000);
  SetSpools(false);
  log_.records = all;
  Write(&three_, 3);
  Run(10'000);
  EXPECT_NE(shared_.applied().stalled, "");
  SetSpools(true);
  Run(6'000);
  EXPECT_EQ(node_.Rows(), (Strings{"1|'what node 1 and node 3 have written'",
                                   "3|'what node 1 and node 3 have written'"}));
}

TEST_F(ConsumerTest, ADamagedRecordIsPassedOver) {
  Write(&one_, 1);
  log_.records.back().payload.back() ^= 1;
  Write(&three_, 3);
  Run(1'000);
  EXPECT_EQ(node_.Rows().size(), 1u);
  EXPECT_EQ(shared_.applied().stalled, "");
}

// Node 1's first batch is missing, so its later batches are held, and there are more of them than
// the queue has room for.
TEST_F(ConsumerTest, WhatAFullQueueLeftOutIsReadAgain) {
  one_.App("INSERT INTO t VALUES(1, 'first')");
  const capture::BuiltBatch missing = *one_.Publish();
  one_.App("INSERT INTO t VALUES(2, 'second')");
  const capture::BuiltBatch waits = *one_.Publish();
  options_.spool_memory = Spool::kDefaultMemoryLimit;
  MakeConsumer();
  for (size_t i = 0; i < kMaxHeldBatches; ++i) log_.Append(waits);
  Write(&one_, 3);
  Run(10'000);
  EXPECT_TRUE(node_.Rows().empty());
  log_.Append(missing);
  Run(1'000);
  EXPECT_EQ(node_.Rows().size(), 3u) << "nobody but the log has the third one";
}

// Node 1 has migrated and goes on writing; this node has not. What node 3 writes arrives all the
// same, and after the migration everything of node 1 does.
TEST_F(ConsumerTest, WhoeverWaitsKeepsNobodyElseWaiting) {
  constexpr int kCommits = 1'200;
  options_.spool_memory = Spool::kDefaultMemoryLimit;
  MakeConsumer();
  one_.App("ALTER TABLE t ADD COLUMN more");
  Must(one_.replica().SyncSchema());
  for (int id = 1; id <= kCommits; ++id) {
    one_.App("INSERT INTO t VALUES(" + std::to_string(id) + ", 'x', 'y')");
    log_.Append(*one_.Publish());
    if (id % 120 == 0) Write(&three_, 10'000 + id);
  }
  Run(20'000);
  EXPECT_EQ(node_.Rows().size(), 10u);
  // The first batch waits for the migration, and those after it for the first.
  ASSERT_EQ(shared_.applied().holds.size(), 2u);
  EXPECT_EQ(shared_.applied().holds[0].kind, HoldKind::kSchema);
  node_.App("ALTER TABLE t ADD COLUMN more");
  Run(60'000);
  EXPECT_EQ(node_.Rows().size(), 10u + kCommits);
  EXPECT_TRUE(shared_.applied().holds.empty());
}

// A damaged page of this node's database says nothing about the batch that meets it.
TEST_F(ConsumerTest, ADamagedDatabaseLosesNoBatch) {
  Run(1'000);
  node_.Query("PRAGMA wal_checkpoint(TRUNCATE)");
  const int64_t page =
      std::stoll(node_.Query("SELECT rootpage FROM sqlite_schema WHERE name = 't'").front());
  const int64_t bytes = std::stoll(node_.Query("PRAGMA page_size").front());
  std::fstream file(node_.path(), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp((page - 1) * bytes);
  file << std::string(static_cast<size_t>(bytes), '?');
  ASSERT_TRUE(file.flush().good());
  node_.App("INSERT INTO u VALUES('k', 1)");  // makes other connections drop their cached pages
  Write(&one_, 1);
  Run(1'000);
  EXPECT_FALSE(shared_.applied().dropped);
  EXPECT_THAT(shared_.database_error(), testing::HasSubstr("malformed"));
}

}  // namespace
}  // namespace harmonylite::node
