#include "node/replication/door_keeper.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "capture/capture_test_util.h"
#include "sqlite/sqlite_test_util.h"
#include "sqlite/transaction.h"
#include "support/other_process.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::node {
namespace {

using sqlite::Connection;
using sqlite::Execute;
using sqlite::Must;
using sqlite::OpenMode;
using sqlite::Transaction;
using sqlite::TransactionKind;

class DoorKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    db_.emplace(Must(Connection::Open(path_, OpenMode::kCreate)));
    Execute(&*db_, "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    keeper_.emplace(&*db_, &clock_, [this](bool near) { return Pause(near); });
    db_->SetWriteLockListener(&*keeper_);
    ASSERT_EQ(app_.Run("SELECT a FROM t"), "1");
  }
  void TearDown() override { db_->SetWriteLockListener(nullptr); }

  bool Pause(bool) {
    if (leaves_after_ms_ && clock_.monotonic_ms >= *leaves_after_ms_) {
      EXPECT_EQ(app_.Run("COMMIT"), "ok");
      leaves_after_ms_.reset();
    }
    ++clock_.monotonic_ms;
    return may_wait_;
  }
  void Enter() {
    ASSERT_EQ(app_.Run("BEGIN"), "ok");
    ASSERT_EQ(app_.Run("SELECT a FROM t"), "1");
  }
  Status Write(TransactionKind kind) {
    HL_ASSIGN(auto transaction, Transaction::Begin(&*db_, kind));
    HL_TRY(db_->Exec("UPDATE t SET a = a + 1"));
    return transaction.Commit();
  }

  test::TempDir dir_;
  const std::string path_ = dir_.File("app.db");
  test::OtherProcess app_{path_};  // before the first connection of this process
  capture::ManualClock clock_;
  std::optional<Connection> db_;
  std::optional<DoorKeeper> keeper_;
  bool may_wait_ = true;
  std::optional<int64_t> leaves_after_ms_;  // when the application ends its transaction
};

TEST_F(DoorKeeperTest, ATransactionIsBehindTheDoorAndOpensItAtItsEnd) {
  ASSERT_OK(Write(TransactionKind::kWrite));
  EXPECT_EQ(keeper_->counts().closed, 1);
  EXPECT_EQ(keeper_->counts().forced, 0);
  EXPECT_EQ(app_.Run("UPDATE t SET a = 2"), "ok");
}

TEST_F(DoorKeeperTest, ARollbackOpensItToo) {
  {
    ASSERT_VALUE(auto transaction, Transaction::Begin(&*db_, TransactionKind::kWrite));
    app_.Begin("SELECT a FROM t");
    EXPECT_FALSE(app_.Answers(20));
  }
  EXPECT_EQ(app_.Answer(), "1");
}

TEST_F(DoorKeeperTest, ItWaitsUntilTheApplicationIsOutside) {
  Enter();
  leaves_after_ms_ = clock_.monotonic_ms + 60;
  ASSERT_OK(Write(TransactionKind::kWrite));
  EXPECT_EQ(keeper_->counts().closed, 1);
  EXPECT_GE(keeper_->counts().waited_ms, 60);
  EXPECT_TRUE(keeper_->WaitedWithin(100));
  clock_.monotonic_ms += 200;
  EXPECT_FALSE(keeper_->WaitedWithin(100));
}

TEST_F(DoorKeeperTest, ItsPatienceEnds) {
  Enter();
  ASSERT_OK(Write(TransactionKind::kWrite));
  EXPECT_EQ(keeper_->counts().closed, 0);
  EXPECT_EQ(keeper_->counts().forced, 1);
  EXPECT_EQ(keeper_->counts().waited_ms, kApplyPatienceMs);
  // The application reads an older state now, which nobody has to wait for.
  ASSERT_OK(Write(TransactionKind::kWrite));
  EXPECT_EQ(keeper_->counts().closed, 1);
  EXPECT_EQ(keeper_->counts().forced, 1);
}

TEST_F(DoorKeeperTest, UpkeepLetsOtherWorkGoOnAndWaitsMuchLonger) {
  Enter();
  const int64_t began = clock_.monotonic_ms;
  int64_t refused = 0;
  while (true) {
    const int64_t attempt = clock_.monotonic_ms;
    Status written = Write(TransactionKind::kUpkeep);
    if (written.ok()) break;
    EXPECT_EQ(written.error().code(), ErrorCode::kRetryLater);
    EXPECT_TRUE(written.error().passing());
    EXPECT_LE(clock_.monotonic_ms - attempt, kUpkeepTurnMs);
    clock_.monotonic_ms += 5;
    ++refused;
  }
  EXPECT_GT(refused, 100);
  EXPECT_GE(clock_.monotonic_ms - began, kUpkeepPatienceMs);
  EXPECT_EQ(keeper_->counts().forced, 1);
}

TEST_F(DoorKeeperTest, AWaitThatWasGivenUpLongAgoDoesNotCount) {
  Enter();
  may_wait_ = false;
  EXPECT_FALSE(Write(TransactionKind::kWrite).ok());
  clock_.monotonic_ms += 10 * kApplyPatienceMs + 1;
  EXPECT_FALSE(Write(TransactionKind::kWrite).ok());
  EXPECT_EQ(keeper_->counts().forced, 0);
}

TEST_F(DoorKeeperTest, ALongTransactionLetsTheApplicationIn) {
  ASSERT_VALUE(auto transaction, Transaction::Begin(&*db_, TransactionKind::kWrite));
  app_.Begin("SELECT a FROM t");
  EXPECT_FALSE(app_.Answers(20));
  clock_.monotonic_ms += kLongestClosedMs + 1;
  ASSERT_OK(
      db_->Exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                "20000) SELECT max(i) FROM n"));
  EXPECT_EQ(app_.Answer(), "1");
  EXPECT_EQ(keeper_->counts().opened, 1);
  ASSERT_OK(transaction.Commit());
}

TEST_F(DoorKeeperTest, AnApplicationThatWritesIsNear) {
  ASSERT_EQ(app_.Run("BEGIN IMMEDIATE"), "ok");
  int near = 0;
  DoorKeeper keeper(&*db_, &clock_, [&](bool is_near) {
    near += is_near ? 1 : 0;
    return false;
  });
  EXPECT_FALSE(keeper.BeforeLock(TransactionKind::kWrite).ok());
  EXPECT_EQ(near, 1);
}

}  // namespace
}  // namespace harmonylite::node
