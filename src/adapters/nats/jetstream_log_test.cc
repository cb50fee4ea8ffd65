#include "adapters/nats/jetstream_log.h"

#include <barrier>
#include <filesystem>
#include <future>

#include "support/nats_server.h"

namespace harmonylite::nats {
namespace {

using test::DeleteStreamForTest;
using test::Request;
using test::TestServer;

using ports::LogReader;
using ports::LogRecord;
using ports::LogSeq;
using ports::LogState;
using ports::PublishOutcome;
using std::chrono::milliseconds;

const Origin kNode1{NodeId(1), Incarnation(11)};
const Origin kNode2{NodeId(18446744073709551615ull), Incarnation(4294967295u)};

class JetStreamLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(server_.Start());
    ASSERT_VALUE(connection_, Connection::Open(server_.Client()));
    log_ = std::make_unique<JetStreamLog>(connection_, TestServer::LogOptions());
    ASSERT_OK(log_->EnsureReady());
  }

  // Publishes the records "1", "2" and so on, from `from` to `to`, on one subject. Each must be
  // stored under its number.
  void PublishUpTo(JetStreamLog* log, const Origin& origin, uint64_t from, uint64_t to) {
    for (uint64_t i = from; i <= to; ++i) {
      const auto reply =
          log->Publish(Request(origin, "m" + std::to_string(i), i - 1, std::to_string(i)));
      ASSERT_EQ(reply.outcome, PublishOutcome::kStored) << reply.message;
      ASSERT_EQ(reply.seq, LogSeq(i));
    }
  }

  // Reads until `count` records have come, or until an error, which it returns.
  static Status ReadCount(LogReader* reader, size_t count, std::vector<LogRecord>* out) {
    const auto deadline = std::chrono::steady_clock::now() + test::kPatience;
    while (out->size() < count && std::chrono::steady_clock::now() < deadline)
      HL_TRY(reader->Read(count - out->size(), milliseconds(500), out));
    return Ok();
  }

  static Status ReadUntilError(LogReader* reader) {
    std::vector<LogRecord> out;
    Status status = Ok();
    test::WaitUntil([&] {
      status = reader->Read(100, milliseconds(100), &out);
      return !status.ok();
    });
    return status;
  }

  bool BecomesReady() {
    return test::WaitUntil([&] { return log_->EnsureReady().ok() && log_->State().ok(); });
  }

  TestServer server_;
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<JetStreamLog> log_;
};

TEST_F(JetStreamLogTest, StoresInOrderAndDropsDuplicates) {
  ASSERT_VALUE(LogState empty, log_->State());
  EXPECT_EQ(empty.first, LogSeq(1));
  EXPECT_EQ(empty.last, LogSeq(0));
  EXPECT_GT(empty.created_ns, 0);

  PublishUpTo(log_.get(), kNode1, 1, 2);
  const auto again = log_->Publish(Request(kNode1, "m2", 1, "2"));
  EXPECT_EQ(again.outcome, PublishOutcome::kStored);
  EXPECT_EQ(again.seq, LogSeq(2));
  ASSERT_VALUE(LogState state, log_->State());
  EXPECT_EQ(state.first, LogSeq(1));
  EXPECT_EQ(state.last, LogSeq(2));
  EXPECT_EQ(state.created_ns, empty.created_ns);
}

TEST_F(JetStreamLogTest, ExpectedLastGuardsEachSubject) {
  PublishUpTo(log_.get(), kNode1, 1, 1);
  // An expected sequence of 0 means that the subject has no record; here that is wrong, so it is
  // refused.
  EXPECT_EQ(log_->Publish(Request(kNode1, "x", 0, "x")).outcome, PublishOutcome::kOutOfSequence);
  EXPECT_EQ(log_->Publish(Request(kNode1, "y", 7, "x")).outcome, PublishOutcome::kOutOfSequence);
  EXPECT_EQ(log_->Publish(Request(kNode2, "z", 1, "x")).outcome, PublishOutcome::kOutOfSequence);
  const auto other = log_->Publish(Request(kNode2, "z2", 0, "x"));
  EXPECT_EQ(other.outcome, PublishOutcome::kStored);
  EXPECT_EQ(other.seq, LogSeq(2));
  // Refused records leave no trace.
  ASSERT_VALUE(LogState state, log_->State());
  EXPECT_EQ(state.last, LogSeq(2));
}

TEST_F(JetStreamLogTest, LastOfASubject) {
  const auto none = log_->LastOf(kNode2);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
  PublishUpTo(log_.get(), kNode1, 1, 3);
  const std::string binary("a\0b\xFF", 4);
  ASSERT_EQ(log_->Publish(Request(kNode2, "b", 0, binary)).outcome, PublishOutcome::kStored);
  ASSERT_VALUE(LogRecord last, log_->LastOf(kNode1));
  EXPECT_EQ(last.seq, LogSeq(3));
  EXPECT_EQ(last.payload, "3");
  ASSERT_VALUE(LogRecord other, log_->LastOf(kNode2));
  EXPECT_EQ(other.payload, binary);
}

TEST_F(JetStreamLogTest, ReaderDeliversInOrderFromAnyPosition) {
  PublishUpTo(log_.get(), kNode1, 1, 50);
  ASSERT_VALUE(auto reader, log_->OpenReader(LogSeq(11)));
  std::vector<LogRecord> out;
  ASSERT_OK(ReadCount(reader.get(), 40, &out));
  ASSERT_EQ(out.size(), 40u);
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(out[i].seq, LogSeq(11 + i));
    EXPECT_EQ(out[i].payload, std::to_string(11 + i));
    EXPECT_EQ(out[i].subject, kNode1);
  }
  // There are no more records, so nothing is appended, and that is no error.
  ASSERT_OK(reader->Read(10, milliseconds(1), &out));
  EXPECT_EQ(out.size(), 40u);
  ASSERT_EQ(log_->Publish(Request(kNode2, "n", 0, "new")).outcome, PublishOutcome::kStored);
  ASSERT_OK(ReadCount(reader.get(), 41, &out));
  EXPECT_EQ(out.back().subject, kNode2);
  EXPECT_EQ(out.back().payload, "new");
}

TEST_F(JetStreamLogTest, ReaderAtTheEndWaitsForTheFirstRecord) {
  ASSERT_VALUE(auto reader, log_->OpenReader(LogSeq(1)));
  PublishUpTo(log_.get(), kNode1, 1, 1);
  std::vector<LogRecord> out;
  ASSERT_OK(ReadCount(reader.get(), 1, &out));
  ASSERT_EQ(out.size(), 1u);
}

TEST_F(JetStreamLogTest, ReaderBeyondTheEndIsAGap) {
  PublishUpTo(log_.get(), kNode1, 1, 3);
  EXPECT_OK(log_->OpenReader(LogSeq(4)));
  const auto beyond = log_->OpenReader(LogSeq(5));
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().code(), ErrorCode::kLogGap);
}

TEST_F(JetStreamLogTest, UnreadBacklogIsBoundedAndArrivesWhole) {
  const std::string big(1 << 20, 'x');
  constexpr uint64_t kCount = 150;  // more than the client may hold unread
  ASSERT_VALUE(auto reader, log_->OpenReader(LogSeq(1)));
  for (uint64_t i = 1; i <= kCount; ++i)
    ASSERT_EQ(log_->Publish(Request(kNode1, "b" + std::to_string(i), i - 1, big)).outcome,
              PublishOutcome::kStored);
  std::vector<LogRecord> out;
  uint64_t next = 1;
  const Status status = [&]() -> Status {
    while (next <= kCount) {
      out.clear();
      HL_TRY(ReadCount(reader.get(), 1, &out));
      if (out.empty()) return MakeError(ErrorCode::kRetryLater, "nothing came");
      if (out[0].seq != LogSeq(next) || out[0].payload.size() != big.size())
        return MakeError(ErrorCode::kCorruption, "wrong record");
      ++next;
    }
    return Ok();
  }();
  EXPECT_TRUE(status.ok()) << status.error().message() << " at " << next;
}

TEST_F(JetStreamLogTest, TooLargeIsRefusedWithBothSizes) {
  const std::string largest(log_->max_payload(), 'x');
  EXPECT_EQ(log_->Publish(Request(kNode1, std::string(200, 'i'), 0, largest)).outcome,
            PublishOutcome::kStored);
  const auto reply = log_->Publish(Request(kNode1, "i2", 1, largest + "y"));
  EXPECT_EQ(reply.outcome, PublishOutcome::kRefused);
  EXPECT_NE(reply.message.find(std::to_string(largest.size() + 1)), std::string::npos)
      << reply.message;
  EXPECT_GT(log_->max_payload(), 8'000'000u);
}

TEST_F(JetStreamLogTest, TrimmedStreamIsAGap) {
  JetStreamLogOptions options = TestServer::LogOptions();
  options.shard = 2;
  options.max_entries = 5;
  JetStreamLog small(connection_, options);
  ASSERT_OK(small.EnsureReady());
  for (uint64_t i = 1; i <= 9; ++i)
    ASSERT_EQ(small.Publish(Request(kNode1, std::to_string(i), i - 1, "x")).outcome,
              PublishOutcome::kStored);
  ASSERT_VALUE(LogState state, small.State());
  EXPECT_EQ(state.first, LogSeq(5));
  EXPECT_EQ(state.last, LogSeq(9));
  const auto gone = small.OpenReader(LogSeq(4));
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), ErrorCode::kLogGap);
  EXPECT_OK(small.OpenReader(LogSeq(5)));
}

TEST_F(JetStreamLogTest, StreamTrimmedUnderASlowReaderIsAGap) {
  JetStreamLogOptions options = TestServer::LogOptions();
  options.shard = 2;
  options.max_entries = 3;
  JetStreamLog small(connection_, options);
  ASSERT_OK(small.EnsureReady());
  ASSERT_VALUE(auto reader, small.OpenReader(LogSeq(1)));
  const std::string big(6 << 20, 'x');
  // This is far more than may be on its way to a client.
  for (uint64_t i = 1; i <= 40; ++i)
    ASSERT_EQ(small.Publish(Request(kNode1, std::to_string(i), i - 1, big)).outcome,
              PublishOutcome::kStored);
  const Status ended = ReadUntilError(reader.get());
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code(), ErrorCode::kLogGap) << ended.error().message();
}

TEST_F(JetStreamLogTest, DifferentConfigurationIsNamedOrChanged) {
  JetStreamLogOptions options = TestServer::LogOptions();
  options.max_entries = 1234;
  JetStreamLog other(connection_, options);
  const Status refused = other.EnsureReady();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message().find("1234"), std::string::npos) << refused.error().message();
  EXPECT_NE(refused.error().message().find("update_existing"), std::string::npos);
  EXPECT_FALSE(log_->stream_name().empty());

  options.update_existing = true;
  JetStreamLog updating(connection_, options);
  ASSERT_OK(updating.EnsureReady());
  options.update_existing = false;
  JetStreamLog same(connection_, options);
  EXPECT_OK(same.EnsureReady());
}

TEST_F(JetStreamLogTest, ManyNodesMakeTheStreamAtOnce) {
  std::vector<std::shared_ptr<Connection>> connections;
  for (int i = 0; i < 4; ++i) {
    ASSERT_VALUE(auto connection, Connection::Open(server_.Client()));
    connections.push_back(std::move(connection));
  }
  for (int round = 0; round < 50; ++round) {
    ASSERT_OK(DeleteStreamForTest(connection_, log_->stream_name()));
    std::barrier start(static_cast<ptrdiff_t>(connections.size()));
    std::vector<std::future<Status>> results;
    for (const auto& connection : connections)
      results.push_back(std::async(std::launch::async, [&start, connection] {
        JetStreamLog node(connection, TestServer::LogOptions());
        start.arrive_and_wait();
        return node.EnsureReady();
      }));
    for (auto& result : results) ASSERT_OK(result.get());
  }
}

TEST_F(JetStreamLogTest, ImpossiblePrefixesAreRefused) {
  for (const char* prefix : {"", "a b", "a.b", "a*", "ä"}) {
    JetStreamLogOptions options = TestServer::LogOptions();
    options.stream_prefix = prefix;
    const Status status = JetStreamLog(connection_, options).EnsureReady();
    ASSERT_FALSE(status.ok()) << prefix;
    EXPECT_EQ(status.error().code(), ErrorCode::kInvalidArgument);
  }
  for (const char* prefix : {"", "a b", "a.>", "*", ".a", "a..b", "$JS.a"}) {
    JetStreamLogOptions options = TestServer::LogOptions();
    options.subject_prefix = prefix;
    const Status status = JetStreamLog(connection_, options).EnsureReady();
    ASSERT_FALSE(status.ok()) << prefix;
    EXPECT_EQ(status.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST_F(JetStreamLogTest, ServerCrashEndsTheReaderAndKeepsTheLog) {
  PublishUpTo(log_.get(), kNode1, 1, 5);
  ASSERT_VALUE(LogState before, log_->State());
  ASSERT_VALUE(auto reader, log_->OpenReader(LogSeq(1)));
  std::vector<LogRecord> out;
  ASSERT_OK(ReadCount(reader.get(), 5, &out));
  ASSERT_EQ(kill(server_.process().pid(), SIGKILL), 0);
  const Status ended = ReadUntilError(reader.get());
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code(), ErrorCode::kRetryLater);

  ASSERT_TRUE(BecomesReady());
  ASSERT_VALUE(LogState after, log_->State());
  EXPECT_EQ(before, after);
  PublishUpTo(log_.get(), kNode1, 6, 7);
  ASSERT_VALUE(reader, log_->OpenReader(LogSeq(6)));
  ASSERT_OK(ReadCount(reader.get(), 7, &out));
  ASSERT_EQ(out.size(), 7u);
  EXPECT_EQ(out.back().payload, "7");
}

TEST_F(JetStreamLogTest, PublishWithoutAServerIsUnknownAndNeverArrivesLater) {
  PublishUpTo(log_.get(), kNode1, 1, 1);
  server_.Stop();
  EXPECT_EQ(log_->Publish(Request(kNode1, "late", 1, "late")).outcome, PublishOutcome::kUnknown);
  const auto state = log_->State();
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code(), ErrorCode::kRetryLater);
  ASSERT_OK(server_.Start());
  ASSERT_TRUE(BecomesReady());
  ASSERT_VALUE(LogState after, log_->State());
  EXPECT_EQ(after.last, LogSeq(1));
}

TEST_F(JetStreamLogTest, WipedStoreIsMadeAnewWithAnotherIdentity) {
  PublishUpTo(log_.get(), kNode1, 1, 5);
  ASSERT_VALUE(LogState before, log_->State());
  server_.Stop();
  std::filesystem::remove_all(server_.options().store_dir);
  ASSERT_OK(server_.Start());
  ASSERT_TRUE(BecomesReady());
  ASSERT_VALUE(LogState after, log_->State());
  EXPECT_NE(before.created_ns, after.created_ns);
  EXPECT_EQ(after.last, LogSeq(0));
  const auto ahead = log_->OpenReader(LogSeq(6));
  ASSERT_FALSE(ahead.ok());
  EXPECT_EQ(ahead.error().code(), ErrorCode::kLogGap);
  EXPECT_EQ(log_->Publish(Request(kNode1, "m6", 5, "6")).outcome, PublishOutcome::kOutOfSequence);
  EXPECT_EQ(log_->LastOf(kNode1).error().code(), ErrorCode::kNotFound);
}

TEST_F(JetStreamLogTest, OlderStorePutBackIsNoticed) {
  PublishUpTo(log_.get(), kNode1, 1, 3);
  const std::string store = server_.options().store_dir;
  server_.Stop();
  std::filesystem::copy(store, store + ".old", std::filesystem::copy_options::recursive);
  ASSERT_OK(server_.Start());
  ASSERT_TRUE(BecomesReady());
  PublishUpTo(log_.get(), kNode1, 4, 6);
  server_.Stop();
  std::filesystem::remove_all(store);
  std::filesystem::rename(store + ".old", store);
  ASSERT_OK(server_.Start());
  ASSERT_TRUE(BecomesReady());

  EXPECT_EQ(log_->Publish(Request(kNode1, "m7", 6, "7")).outcome, PublishOutcome::kOutOfSequence);
  ASSERT_VALUE(LogRecord last, log_->LastOf(kNode1));
  EXPECT_EQ(last.seq, LogSeq(3));
  EXPECT_EQ(log_->OpenReader(LogSeq(7)).error().code(), ErrorCode::kLogGap);
}

TEST_F(JetStreamLogTest, DeletedStreamEndsTheReaderAndIsMadeAgain) {
  PublishUpTo(log_.get(), kNode1, 1, 2);
  ASSERT_VALUE(auto reader, log_->OpenReader(LogSeq(3)));
  // The stream is deleted through the API, as an operator would do it.
  ASSERT_OK(DeleteStreamForTest(connection_, log_->stream_name()));
  const auto reply = log_->Publish(Request(kNode1, "m3", 2, "3"));
  EXPECT_EQ(reply.outcome, PublishOutcome::kUnknown) << reply.message;
  ASSERT_TRUE(BecomesReady());
  EXPECT_EQ(log_->Publish(Request(kNode1, "m3", 0, "3")).outcome, PublishOutcome::kStored);
  const Status ended = ReadUntilError(reader.get());
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().code(), ErrorCode::kRetryLater);
}

}  // namespace
}  // namespace harmonylite::nats
