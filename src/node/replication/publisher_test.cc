#include "node/replication/publisher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "capture/journal.h"
#include "change/codec.h"
#include "node/options.h"
#include "node/replication/replica_test_util.h"
#include "support/temp_dir.h"

namespace harmonylite::node {
namespace {

using ports::PublishOutcome;

// A log that gives the answers which the test sets, and keeps no records.
class ToldLog final : public ports::ReplicationLog {
 public:
  Status EnsureReady() override { return away ? MakeError(ErrorCode::kRetryLater, "away") : Ok(); }
  Result<ports::LogState> State() override { return ports::LogState{}; }
  Result<ports::LogRecord> LastOf(const Origin&) override {
    if (!last.empty()) return ports::LogRecord{ports::LogSeq(1), {}, last};
    return MakeError(ErrorCode::kNotFound, "none");
  }
  ports::PublishReply Publish(const ports::PublishRequest&) override {
    ++published;
    if (on_publish) on_publish();
    return {outcome, ports::LogSeq(1), {}};
  }
  Result<std::unique_ptr<ports::LogReader>> OpenReader(ports::LogSeq) override {
    return MakeError(ErrorCode::kRetryLater, "no reader");
  }
  size_t max_payload() const override { return 1 << 20; }
  int published = 0;  // number of calls of Publish()
  std::function<void()> on_publish;
  bool away = false;  // true: the log cannot be reached
  std::string last;   // payload of the newest record on the sender's subject; empty: there is none
  PublishOutcome outcome = PublishOutcome::kStored;
};

// A sent mark in memory.
class RememberedMark final : public SentMarkStore {
 public:
  std::optional<SentMark> Load() override { return mark; }
  Status Save(const SentMark& saved) override {
    mark = saved;
    return Ok();
  }
  std::optional<SentMark> mark;
};

// A node whose file has one row that is not sent yet.
class PublisherTest : public testing::Test {
 protected:
  void SetUp() override {
    node.App("INSERT INTO t VALUES(1, 'one')");
    Must(node.replica().Introduce(&shared));
  }

  NodeOptions Options() {
    NodeOptions out;
    out.spool_directory = dir.path();
    return out;
  }
  sqlite::Connection Open() {
    return Must(sqlite::Connection::Open(node.path(), sqlite::OpenMode::kReadWrite));
  }

  test::TempDir dir;
  TestReplica node{1};
  NodeOptions options = Options();
  sqlite::Connection db = Open();
  sqlite::Connection watch = Open();
  Logger logger{STDERR_FILENO, LogFormat::kConsole, LogLevel::kError};
  SharedState shared;
  ToldLog log;
  RememberedMark marks;
  Publisher publisher{{&options, &db, &watch, &log, &marks, &shared, &node.clock(), &logger, 1}};
};

TEST_F(PublisherTest, WhoIsRefusedAsOutOfSequenceMayBeACopyUntilTheLogHasTold) {
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  EXPECT_TRUE(shared.identified());
  log.outcome = PublishOutcome::kOutOfSequence;
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  EXPECT_FALSE(shared.identified());
  log.away = true;
  EXPECT_EQ(publisher.Step().kind, StepResult::kBlocked);
  EXPECT_FALSE(shared.identified());
  log.away = false;
  log.outcome = PublishOutcome::kStored;
  node.clock().monotonic_ms += 1'000;
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  EXPECT_TRUE(shared.identified());
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  EXPECT_GT(shared.published().to.value, 0u);
}

TEST_F(PublisherTest, ABatchThatACopyOfThisFileHasSentWithMoreIsGivenUp) {
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  log.outcome = PublishOutcome::kOutOfSequence;
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  node.App("INSERT INTO t VALUES(2, 'two')");
  const capture::JournalEnd end = Must(capture::ReadJournalEnd(&db));
  change::FrameHeader header;
  header.sender = shared.self();
  header.to = end.last_change;
  header.to_stamp = end.change_stamp;
  header.count = 1;
  log.last = change::EncodeFrame(header, "");
  log.outcome = PublishOutcome::kStored;
  for (int step = 0; step < 3; ++step) {
    publisher.Step();
    EXPECT_EQ(shared.published().to, end.last_change);
  }
}

// What the other tables' changes belong to cannot be read, so nothing is sent (P6).
TEST_F(PublisherTest, ADamagedTableIsNamedUntilItCanBeRead) {
  const std::string root = node.Query("SELECT rootpage FROM sqlite_schema WHERE name = 't'")[0];
  sqlite::Connection other = Open();
  const auto move = [&](const std::string& page) {
    sqlite::ForgeSchema(&other,
                        "UPDATE sqlite_schema SET rootpage = " + page + " WHERE name = 't'");
    // The consumer would have taken this schema over before.
    node.App(
        "UPDATE __harmonylite__state SET value = (SELECT schema_version FROM "
        "pragma_schema_version) WHERE key = 'seen_schema_version'");
  };
  move("(SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_u_1')");
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  EXPECT_EQ(publisher.Step().kind, StepResult::kBlocked);
  EXPECT_THAT(shared.unsendable(), testing::HasSubstr("table t is damaged"));
  EXPECT_EQ(log.published, 0);
  move(root);
  node.clock().monotonic_ms += 1'000;
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  EXPECT_EQ(shared.unsendable(), "");
  EXPECT_EQ(log.published, 1);
}

// A process that continues with the file and the origin of an earlier one.
class LaterProcessTest : public PublisherTest {
 protected:
  void SetUp() override {
    PublisherTest::SetUp();
    const Published nothing = shared.published();
    shared.SetSelf(shared.self(), Lseq(0), nothing, /*is_new=*/false);
    end = Must(capture::ReadJournalEnd(&db));
  }
  void ExpectRefused() {
    EXPECT_EQ(publisher.Step().kind, StepResult::kBlocked);
    EXPECT_TRUE(shared.incarnation_requested());
    EXPECT_FALSE(shared.identified());
    EXPECT_EQ(log.published, 0);
  }
  capture::JournalEnd end;
};

TEST_F(LaterProcessTest, WithoutAMarkItSendsNothingAsItsFormerLife) {
  ExpectRefused();
  EXPECT_FALSE(shared.incarnation_request()->read_log_again);
  EXPECT_FALSE(shared.incarnation_request()->numbers_shared);
}

TEST_F(LaterProcessTest, AMarkThatTheFileHasIsEnough) {
  marks.mark = {shared.self(), end.last_change, end.change_stamp};
  EXPECT_EQ(publisher.Step().kind, StepResult::kProgress);
  EXPECT_TRUE(shared.identified());
}

TEST_F(LaterProcessTest, AMarkBeyondTheFileSaysThatTheFileWentBack) {
  marks.mark = {shared.self(), Lseq(end.last_change.value + 1), end.change_stamp};
  ExpectRefused();
}

TEST_F(LaterProcessTest, AMarkOfAnotherChangeWithThisNumberSaysThatTheFileWentBack) {
  marks.mark = {shared.self(), end.last_change, Hlc(end.change_stamp.value + 1)};
  ExpectRefused();
}

TEST_F(LaterProcessTest, AMarkOfAnotherLifeSaysNothing) {
  const Origin other{shared.self().node, Incarnation(shared.self().incarnation.value + 1)};
  marks.mark = {other, end.last_change, end.change_stamp};
  ExpectRefused();
}

TEST_F(LaterProcessTest, AMarkBelowWhatWasPublishedIsIncomplete) {
  shared.SetSelf(shared.self(), Lseq(0), {end.last_change, end.change_stamp}, /*is_new=*/false);
  marks.mark = {shared.self(), Lseq(end.last_change.value - 1), end.change_stamp};
  ExpectRefused();
}

TEST_F(LaterProcessTest, TheLogIsReadAgainWhereItHoldsMoreOfTheFormerLife) {
  change::FrameHeader header;
  header.sender = shared.self();
  header.to = Lseq(end.last_change.value + 9);
  header.count = 1;
  log.last = change::EncodeFrame(header, "");
  ExpectRefused();
  EXPECT_TRUE(shared.incarnation_request()->read_log_again);
}

TEST_F(PublisherTest, WhatIsSentIsMarkedBefore) {
  log.on_publish = [&] {
    const capture::JournalEnd end = Must(capture::ReadJournalEnd(&db));
    EXPECT_EQ(marks.mark, (SentMark{shared.self(), end.last_change, end.change_stamp}));
  };
  while (publisher.Step().kind == StepResult::kProgress) continue;
  EXPECT_EQ(log.published, 1);
}

TEST_F(PublisherTest, WhatAFormerIncarnationSentIsNotPublishedByTheNextOne) {
  const Origin before = shared.self();
  const Origin after{before.node, Incarnation(before.incarnation.value + 1)};
  shared.SetSelf(after, Lseq(0), {Lseq(1), Hlc(1)});
  shared.SetPublished(before, {Lseq(9), Hlc(9)});
  EXPECT_EQ(shared.published().to, Lseq(1));
  shared.SetPublished(after, {Lseq(9), Hlc(9)});
  EXPECT_EQ(shared.published().to, Lseq(9));
}

}  // namespace
}  // namespace harmonylite::node
