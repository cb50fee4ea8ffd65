#include "sqlite/door.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "sqlite/sqlite_test_util.h"
#include "sqlite/transaction.h"
#include "support/other_process.h"
#include "support/temp_dir.h"

namespace harmonylite::sqlite {
namespace {

// A transaction that begins while the door is closed gets no answer in this time.
constexpr int kClosedMs = 30;
// SQLite's codes of errors that a closed door is there to prevent.
constexpr const char* kBusySnapshot = "error 517";

class DoorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Connection db = Open();
    Execute(&db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    db_.emplace(std::move(db));
    ASSERT_EQ(app_.Run("SELECT a FROM t"), "1");
    door_.emplace(&*db_);
  }
  Connection Open() { return Must(Connection::Open(path_, OpenMode::kCreate)); }
  void Commit(const std::string& sql) {
    auto transaction = Must(Transaction::Begin(&*db_, TransactionKind::kWrite));
    Execute(&*db_, sql);
    Must(transaction.Commit());
  }

  test::TempDir dir_;
  const std::string path_ = dir_.File("app.db");
  // Before the first connection of this process.
  test::OtherProcess app_{path_};
  test::OtherProcess second_{path_};
  std::optional<Connection> db_;
  std::optional<Door> door_;
};

TEST_F(DoorTest, WhoeverIsInsideKeepsTheDoorOpen) {
  ASSERT_EQ(app_.Run("BEGIN"), "ok");
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kClosed);  // BEGIN alone reads nothing
  door_->Open();
  ASSERT_EQ(app_.Run("SELECT a FROM t"), "1");
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kOthersInside);
  EXPECT_EQ(app_.Run("UPDATE t SET a = 2"), "ok");
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kAnotherWrites);
  EXPECT_EQ(app_.Run("COMMIT"), "ok");
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  EXPECT_TRUE(door_->closed());
}

TEST_F(DoorTest, WhoComesWhileItIsClosedBeginsOnTheNewState) {
  ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  app_.Begin("SELECT a FROM t");
  EXPECT_FALSE(app_.Answers(kClosedMs));
  Commit("UPDATE t SET a = 7");
  EXPECT_FALSE(app_.Answers(kClosedMs));
  door_->Open();
  EXPECT_EQ(app_.Answer(), "7");
}

TEST_F(DoorTest, AWriterWithoutBusyTimeoutIsNotTurnedAway) {
  ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  auto transaction = Must(Transaction::Begin(&*db_, TransactionKind::kWrite));
  app_.Begin("BEGIN IMMEDIATE");
  EXPECT_FALSE(app_.Answers(kClosedMs));
  Execute(&*db_, "UPDATE t SET a = 7");
  Must(transaction.Commit());
  door_->Open();
  EXPECT_EQ(app_.Answer(), "ok");
  EXPECT_EQ(app_.Run("COMMIT"), "ok");
}

// What the door is for, and the proof that the other tests would fail without it.
TEST_F(DoorTest, WithoutItADeferredTransactionFails) {
  ASSERT_EQ(app_.Run("BEGIN"), "ok");
  ASSERT_EQ(app_.Run("SELECT a FROM t"), "1");
  Commit("UPDATE t SET a = 7");
  EXPECT_EQ(app_.Run("UPDATE t SET a = 2"), kBusySnapshot);
}

TEST_F(DoorTest, WhoReadsAnOlderStateDoesNotKeepItOpen) {
  ASSERT_EQ(app_.Run("BEGIN"), "ok");
  ASSERT_EQ(app_.Run("SELECT a FROM t"), "1");
  Commit("UPDATE t SET a = 7");
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  Commit("UPDATE t SET a = 8");
  door_->Open();
  EXPECT_EQ(app_.Run("SELECT a FROM t"), "1");
  EXPECT_EQ(app_.Run("COMMIT"), "ok");
  EXPECT_EQ(app_.Run("SELECT a FROM t"), "8");
}

TEST_F(DoorTest, WhoReadsAnOlderStateOfTheFileAloneDoesNotKeepItOpen) {
  Execute(&*db_, "PRAGMA wal_checkpoint(TRUNCATE)");
  ASSERT_EQ(app_.Run("BEGIN"), "ok");
  ASSERT_EQ(app_.Run("SELECT a FROM t"), "1");
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kOthersInside);
  Commit("UPDATE t SET a = 7");
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kClosed);
}

// The reader's mark is not ours. Newcomers must not get in through it, and not through the mark of
// a reader that ends meanwhile.
TEST_F(DoorTest, NobodyComesInBesideAReaderOfAnOlderState) {
  test::OtherProcess& reader = second_;
  ASSERT_EQ(reader.Run("BEGIN"), "ok");
  ASSERT_EQ(reader.Run("SELECT a FROM t"), "1");
  Commit("UPDATE t SET a = 7");
  ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  app_.Begin("SELECT a FROM t");
  EXPECT_FALSE(app_.Answers(kClosedMs));
  ASSERT_EQ(reader.Run("COMMIT"), "ok");
  EXPECT_FALSE(app_.Answers(kClosedMs));
  Commit("UPDATE t SET a = 8");
  door_->Open();
  EXPECT_EQ(app_.Answer(), "8");
}

TEST_F(DoorTest, NobodyFailsWhoRunsOneTransactionAfterTheOther) {
  Execute(&*db_, "CREATE TABLE u(a)");
  std::atomic<bool> enough{false};
  int failed = 0;
  std::thread application([&] {
    while (!enough.load()) {
      app_.Run("BEGIN");
      app_.Run("SELECT a FROM t");
      if (app_.Run("UPDATE t SET a = a + 1") != "ok") ++failed;
      app_.Run("COMMIT");
    }
  });
  for (int closed = 0; closed < 100;) {
    if (door_->TryClose() != DoorAnswer::kClosed) continue;
    Commit("INSERT INTO u VALUES(1)");
    door_->Open();
    ++closed;
  }
  enough.store(true);
  application.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(DoorTest, OwnReadersComeAndGoWhileItIsClosed) {
  Connection before = Open();
  Connection during = Open();
  auto old = std::make_optional(Must(Transaction::Begin(&before, TransactionKind::kRead)));
  ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  Commit("UPDATE t SET a = 7");
  auto reading = std::make_optional(Must(Transaction::Begin(&during, TransactionKind::kRead)));
  EXPECT_EQ(Must(before.QueryInt("SELECT a FROM t")), 1);
  EXPECT_EQ(Must(during.QueryInt("SELECT a FROM t")), 7);
  old.reset();
  door_->Open();
  // The other process sees the locks of a reader that came while the door was closed.
  Commit("UPDATE t SET a = 8");
  EXPECT_EQ(app_.Run("PRAGMA wal_checkpoint(TRUNCATE)"), "1");
  EXPECT_EQ(Must(during.QueryInt("SELECT a FROM t")), 7);
  reading.reset();
  EXPECT_EQ(app_.Run("PRAGMA wal_checkpoint(TRUNCATE)"), "0");
}

TEST_F(DoorTest, AReaderFromBeforeIsStillSeenByOthersAfterwards) {
  Connection reader = Open();
  auto reading = std::make_optional(Must(Transaction::Begin(&reader, TransactionKind::kRead)));
  ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  Commit("UPDATE t SET a = 7");
  door_->Open();
  EXPECT_EQ(app_.Run("PRAGMA wal_checkpoint(TRUNCATE)"), "1");
  EXPECT_EQ(Must(reader.QueryInt("SELECT a FROM t")), 1);
  reading.reset();
  EXPECT_EQ(app_.Run("PRAGMA wal_checkpoint(TRUNCATE)"), "0");
}

TEST_F(DoorTest, TheWalBeginsAnewBehindAClosedDoor) {
  for (int i = 0; i < 20; ++i) {
    Execute(&*db_, "PRAGMA wal_checkpoint(PASSIVE)");
    ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
    Commit("UPDATE t SET a = a + 1");
    door_->Open();
    ASSERT_EQ(app_.Run("SELECT a FROM t"), std::to_string(i + 2));
    ASSERT_EQ(app_.Run("UPDATE t SET a = a"), "ok");
  }
  EXPECT_EQ(app_.Run("PRAGMA integrity_check"), "ok");
}

TEST_F(DoorTest, OwnPagesAreMovedWhileItIsClosed) {
  Connection mover = Open();
  Commit("UPDATE t SET a = 7");
  ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  EXPECT_TRUE(mover.MoveWalPages().ok());
  door_->Open();
  EXPECT_EQ(app_.Run("SELECT a FROM t"), "7");
}

TEST_F(DoorTest, AConnectionThatIsClosedBehindItLeavesNothing) {
  auto reader = std::make_optional(Open());
  auto reading = std::make_optional(Must(Transaction::Begin(&*reader, TransactionKind::kRead)));
  ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  reading.reset();
  reader.reset();
  Commit("UPDATE t SET a = 7");
  door_->Open();
  EXPECT_EQ(app_.Run("SELECT a FROM t"), "7");
  EXPECT_EQ(app_.Run("PRAGMA wal_checkpoint(TRUNCATE)"), "0");
}

TEST_F(DoorTest, OneOfTwoClosesIt) {
  Connection other = Open();
  Door second(&other);
  ASSERT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  EXPECT_EQ(second.TryClose(), DoorAnswer::kOthersInside);
  EXPECT_EQ(app_.CloseDoor(), "busy");
  door_->Open();
  EXPECT_EQ(second.TryClose(), DoorAnswer::kClosed);
}

TEST_F(DoorTest, AProcessThatIsKilledBehindItLeavesItOpen) {
  ASSERT_EQ(app_.CloseDoor(), "ok");
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kOthersInside);
  app_.Kill();
  EXPECT_EQ(door_->TryClose(), DoorAnswer::kClosed);
  Commit("UPDATE t SET a = 7");
  EXPECT_EQ(Must(db_->QueryInt("SELECT a FROM t")), 7);
}

TEST_F(DoorTest, WithoutAWalThereIsNoDoor) {
  Connection plain = Must(Connection::Open(dir_.File("plain.db"), OpenMode::kCreate));
  Execute(&plain, "CREATE TABLE t(a)");
  Door door(&plain);
  EXPECT_FALSE(door.exists());
  EXPECT_TRUE(door_->exists());
  EXPECT_EQ(door.TryClose(), DoorAnswer::kClosed);
  EXPECT_FALSE(door.closed());
}

}  // namespace
}  // namespace harmonylite::sqlite
