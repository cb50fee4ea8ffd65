#include "adapters/nats_server/server_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::nats_server {
namespace {

namespace fs = std::filesystem;

std::string Content(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A folder of a user who is not the one that runs the test.
std::string ForeignFolder(const test::TempDir& dir) {
  if (geteuid() != 0) return "/";
  const std::string path = dir.File("foreign");
  fs::create_directory(path);
  EXPECT_EQ(chown(path.c_str(), 65534, 65534), 0);
  return path;
}

TEST(ServerFiles, TheStoreIsThisUsersOwn) {
  const test::TempDir dir;
  ASSERT_OK(PrepareStoreDir(dir.File("a") + "/b"));
  EXPECT_EQ(fs::status(dir.File("a") + "/b").permissions(), fs::perms::owner_all);
  ASSERT_OK(PrepareStoreDir(dir.File("a") + "/b"));
  fs::create_directory_symlink(dir.File("a"), dir.File("link"));
  EXPECT_OK(PrepareStoreDir(dir.File("link")));
  EXPECT_FALSE(PrepareStoreDir(ForeignFolder(dir)).ok());
  fs::permissions(dir.File("a"), fs::perms::all);
  EXPECT_FALSE(PrepareStoreDir(dir.File("a")).ok());
}

TEST(ServerFiles, AnotherUsersLinkIsNotFollowed) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make another user's link";
  const test::TempDir dir;
  ASSERT_OK(PrepareStoreDir(dir.File("a")));
  fs::create_directory_symlink(dir.File("a"), dir.File("link"));
  ASSERT_EQ(lchown(dir.File("link").c_str(), 65534, 65534), 0);
  EXPECT_FALSE(PrepareStoreDir(dir.File("link")).ok());
}

TEST(ServerFiles, NoLinkIsWrittenThrough) {
  const test::TempDir dir;
  const std::string precious = dir.File("precious");
  std::ofstream(precious) << "precious";
  fs::create_symlink(precious, dir.File("link"));
  fs::create_hard_link(precious, dir.File("hard"));
  for (const char* name : {"link", "hard"}) {
    ASSERT_OK(WritePrivateFile(dir.File(name), "new"));
    EXPECT_EQ(Content(dir.File(name)), "new");
    EXPECT_EQ(Content(precious), "precious") << name;
  }
  ASSERT_OK(WritePrivateFile(dir.File("link"), "newer"));
  EXPECT_EQ(Content(dir.File("link")), "newer");
  EXPECT_EQ(fs::status(dir.File("link")).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(precious, dir.File("harmonylite.lock"));
  EXPECT_FALSE(StoreLock::Take(dir.path()).ok());
}

}  // namespace
}  // namespace harmonylite::nats_server
