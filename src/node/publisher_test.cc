#include "node/publisher.h"

#include <gtest/gtest.h>

#include "node/options.h"
#include "node/replica_test_util.h"
#include "support/temp_dir.h"

namespace harmonylite::node {
namespace {

using log::PublishOutcome;

// Answers as it is told to; holds no records.
class ToldLog final : public log::ReplicationLog {
 public:
  Status EnsureReady() override { return away ? MakeError(ErrorCode::kRetryLater, "away") : Ok(); }
  Result<log::LogState> State() override { return log::LogState{}; }
  Result<log::LogRecord> LastOf(const Origin&) override { return MakeError(ErrorCode::kNotFound, "none"); }
  log::PublishReply Publish(const log::PublishRequest&) override { return {outcome, log::LogSeq(1), {}}; }
  Result<std::unique_ptr<log::LogReader>> OpenReader(log::LogSeq) override {
    return MakeError(ErrorCode::kRetryLater, "no reader");
  }
  size_t max_payload() const override { return 1 << 20; }
  bool away = false;
  PublishOutcome outcome = PublishOutcome::kStored;
};

TEST(PublisherTest, WhoIsRefusedAsOutOfSequenceMayBeACopyUntilTheLogHasTold) {
  TestReplica node(1);
  node.App("INSERT INTO t VALUES(1, 'one')");
  test::TempDir dir;
  NodeOptions options;
  options.spool_directory = dir.path();
  sqlite::Connection db = Must(sqlite::Connection::Open(node.path(), sqlite::OpenMode::kReadWrite));
  sqlite::Connection watch = Must(sqlite::Connection::Open(node.path(), sqlite::OpenMode::kReadWrite));
  Logger logger(STDERR_FILENO, LogFormat::kConsole, LogLevel::kError);
  SharedState shared;
  Must(node.replica().Introduce(&shared));
  ToldLog log;
  Publisher publisher({&options, &db, &watch, &log, &shared, &node.clock(), &logger, 1});

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

}  // namespace
}  // namespace harmonylite::node
