#include "base/new_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite {
namespace {

namespace fs = std::filesystem;

TEST(MakeFileLike, TakesTheModeOfTheOriginal) {
  const test::TempDir dir;
  std::ofstream(dir.File("model")) << "x";
  for (const int mode : {0600, 0640, 0666, 0644}) {
    fs::permissions(dir.File("model"), static_cast<fs::perms>(mode));
    const std::string path = dir.File(std::to_string(mode));
    ASSERT_OK(MakeFileLike(path, dir.File("model")));
    EXPECT_EQ(fs::status(path).permissions(), static_cast<fs::perms>(mode));
    EXPECT_EQ(fs::file_size(path), 0u);
  }
  ASSERT_OK(MakeFileLike(dir.File("alone"), dir.File("nowhere")));
  EXPECT_EQ(fs::status(dir.File("alone")).permissions(), static_cast<fs::perms>(0600));
}

TEST(MakeFileLike, FollowsNoLinkAndTruncatesNothing) {
  const test::TempDir dir;
  std::ofstream(dir.File("precious")) << "x";
  fs::create_symlink(dir.File("precious"), dir.File("link"));
  fs::create_symlink(dir.File("not there"), dir.File("dangling"));
  for (const char* name : {"precious", "link", "dangling"}) {
    const Status refused = MakeFileLike(dir.File(name), dir.File("precious"));
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.error().code(), ErrorCode::kConflict) << name;
  }
  EXPECT_EQ(fs::file_size(dir.File("precious")), 1u);
  EXPECT_FALSE(fs::exists(dir.File("not there")));
}

TEST(MakeFileLike, SaysWhyItCannot) {
  const test::TempDir dir;
  const Status refused = MakeFileLike(dir.File("no folder") + "/x", dir.path());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRetryLater);
}

}  // namespace
}  // namespace harmonylite
