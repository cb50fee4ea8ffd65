#include "capture/change_signal.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "sqlite/sqlite_test_util.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace harmonylite::capture {
namespace {

using namespace std::chrono_literals;

TEST(ChangeSignalTest, ACommitWakes) {
  const test::TempDir dir;
  const std::string path = dir.File("app.db");
  auto db = sqlite::Must(sqlite::Connection::Open(path, sqlite::OpenMode::kCreate));
  sqlite::Execute(&db, "PRAGMA journal_mode = WAL; CREATE TABLE t(a)");
  ChangeSignal signal(path);
  EXPECT_FALSE(signal.Wait(0us));
  sqlite::Execute(&db, "INSERT INTO t VALUES(1)");
  EXPECT_TRUE(test::WaitUntil([&] { return signal.Wait(1ms); }));
}

TEST(ChangeSignalTest, OtherFilesOfTheFolderDoNot) {
  const test::TempDir dir;
  ChangeSignal signal(dir.File("app.db"));
  std::ofstream(dir.File("other.db")) << "x";
  std::ofstream(dir.File("app.db-journal")) << "x";
  EXPECT_FALSE(signal.Wait(1ms));
  std::ofstream(dir.File("app.db-wal")) << "x";
  EXPECT_TRUE(test::WaitUntil([&] { return signal.Wait(1ms); }));
}

TEST(ChangeSignalTest, InterruptEndsAWaitFromAnyThread) {
  const test::TempDir dir;
  ChangeSignal signal(dir.File("app.db"));
  std::thread other([&] { signal.Interrupt(); });
  EXPECT_TRUE(signal.Wait(std::chrono::duration_cast<std::chrono::microseconds>(test::kPatience)));
  other.join();
  EXPECT_FALSE(signal.Wait(0us));
}

TEST(ChangeSignalTest, APauseIsEndedByAnInterruptNotByAFile) {
  const test::TempDir dir;
  ChangeSignal signal(dir.File("app.db"));
  std::ofstream(dir.File("app.db-wal")) << "x";
  EXPECT_FALSE(signal.Pause(1ms));
  EXPECT_TRUE(signal.Wait(0us));
  signal.Interrupt();
  EXPECT_TRUE(signal.Pause(std::chrono::duration_cast<std::chrono::microseconds>(test::kPatience)));
}

TEST(ChangeSignalTest, AFolderThatIsNotThereOnlyWaits) {
  ChangeSignal signal("/nonexistent-folder/app.db");
  EXPECT_FALSE(signal.Wait(1us));
  signal.Interrupt();
  EXPECT_TRUE(signal.Wait(1ms));
}

}  // namespace
}  // namespace harmonylite::capture
