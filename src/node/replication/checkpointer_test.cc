#include "node/replication/checkpointer.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "node/replication/lock_pacer.h"
#include "sqlite/hooks.h"
#include "sqlite/sqlite_test_util.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace harmonylite::node {
namespace {

using sqlite::Connection;
using sqlite::OpenMode;

constexpr uint64_t kPage = 4'096;

class CheckpointerTest : public testing::Test {
 protected:
  void SetUp() override {
    Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE t(a)");
    db_.SetWriteLockListener(&pacer_, &checkpointer_);
  }
  void TearDown() override { db_.SetWriteLockListener(nullptr); }

  Result<Connection> Open() { return Connection::Open(path_, OpenMode::kCreate); }
  void Execute(const std::string& sql) { ASSERT_OK(sqlite::ExecAll(&db_, sql)); }
  // Commits a transaction that writes about `pages` pages.
  void Write(int pages) {
    Execute(fmt::format("INSERT INTO t VALUES(zeroblob({}))", pages * kPage));
  }
  uint64_t WalPages() { return std::filesystem::file_size(path_ + "-wal") / kPage; }
  uint64_t FilePages() { return std::filesystem::file_size(path_) / kPage; }

  test::TempDir dir_;
  const std::string path_ = dir_.path() + "/app.db";
  int opened_ = 0;
  bool refuse_ = false;
  Connection db_ = sqlite::Must(Open());
  LockPacer pacer_;
  Checkpointer checkpointer_{[this]() -> Result<Connection> {
    ++opened_;
    if (refuse_) return MakeError(ErrorCode::kRetryLater, "refused");
    return Open();
  }};
};

TEST_F(CheckpointerTest, MovesALongWalWhileItsWriterGoesOn) {
  Write(500);
  EXPECT_EQ(opened_, 0);
  Write(1'000);
  EXPECT_TRUE(test::WaitUntil([&] { return FilePages() >= 1'500; }));
  EXPECT_EQ(opened_, 1);
}

TEST_F(CheckpointerTest, TheWalBeginsAnewHoweverLongItIsWritten) {
  for (int i = 0; i < 400; ++i) Write(100);
  EXPECT_LT(WalPages(), 8'500u);
  EXPECT_GT(WalPages(), 1'000u);
}

TEST_F(CheckpointerTest, LeavesItToTheCommitsBesideAnApplicationThatWrites) {
  checkpointer_.SetLocalWriters(true);
  for (int i = 0; i < 40; ++i) Write(100);
  EXPECT_LT(WalPages(), 1'500u);
  EXPECT_EQ(opened_, 0);
}

TEST_F(CheckpointerTest, WithoutAConnectionTheCommitsMoveThePages) {
  refuse_ = true;
  for (int i = 0; i < 400; ++i) Write(100);
  EXPECT_LT(WalPages(), 8'500u);
  EXPECT_GT(FilePages(), 30'000u);
}

}  // namespace
}  // namespace harmonylite::node
