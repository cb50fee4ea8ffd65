#include "node/replication/sent_mark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::node {
namespace {

// A database on a disk, and a directory in the memory of its machine for the mark.
class SentMarkTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::string(TmpfsSentMark::kDirectory) + "/sent-mark-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    memory = name;
  }
  void TearDown() override { std::filesystem::remove_all(memory); }

  TmpfsSentMark Of(NodeId node) { return TmpfsSentMark(disk.path() + "/app.db", node, memory); }

  test::TempDir disk;
  std::string memory;
  const SentMark mark{{NodeId(UINT64_MAX), Incarnation(7)}, Lseq(42), Hlc(INT64_MAX)};
};

TEST_F(SentMarkTest, TheNextProcessFindsIt) {
  EXPECT_EQ(Of(NodeId(1)).Load(), std::nullopt);
  EXPECT_OK(Of(NodeId(1)).Save({mark.origin, Lseq(41), Hlc(5)}));
  EXPECT_OK(Of(NodeId(1)).Save(mark));
  EXPECT_EQ(Of(NodeId(1)).Load(), mark);
  EXPECT_EQ(Of(NodeId(2)).Load(), std::nullopt);
  EXPECT_EQ(TmpfsSentMark(disk.path() + "/other.db", NodeId(1), memory).Load(), std::nullopt);
}

TEST_F(SentMarkTest, NobodyElseMayReadIt) {
  TmpfsSentMark store = Of(NodeId(1));
  EXPECT_OK(store.Save(mark));
  struct stat status {};
  ASSERT_EQ(::stat(store.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(SentMarkTest, AFileThatOthersMayWriteIsNoMark) {
  const std::string path = Of(NodeId(1)).path();
  EXPECT_OK(Of(NodeId(1)).Save(mark));
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(Of(NodeId(1)).Load(), std::nullopt);
}

TEST_F(SentMarkTest, ALinkIsNeverFollowed) {
  const std::string path = Of(NodeId(1)).path();
  const std::string target = disk.path() + "/target";
  std::ofstream(target) << "theirs";
  ASSERT_EQ(::symlink(target.c_str(), path.c_str()), 0);
  TmpfsSentMark store = Of(NodeId(1));
  EXPECT_EQ(store.Load(), std::nullopt);
  EXPECT_FALSE(store.Save(mark).ok());
  EXPECT_EQ(std::filesystem::file_size(target), 6u);
}

TEST_F(SentMarkTest, DamageIsNoMark) {
  const std::string path = Of(NodeId(1)).path();
  EXPECT_OK(Of(NodeId(1)).Save(mark));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(3);
  file.put('9');
  file.close();
  EXPECT_EQ(Of(NodeId(1)).Load(), std::nullopt);
}

TEST_F(SentMarkTest, OnADiskThereIsNone) {
  TmpfsSentMark store(disk.path() + "/app.db", NodeId(1), "/proc");
  const Status saved = store.Save(mark);
  ASSERT_FALSE(saved.ok());
  EXPECT_THAT(saved.error().message(), testing::HasSubstr("/proc: it is not a tmpfs"));
  EXPECT_EQ(store.Load(), std::nullopt);
}

TEST_F(SentMarkTest, WhatCannotBeSavedLeavesNoOlderMark) {
  const std::string path = Of(NodeId(1)).path();
  EXPECT_OK(Of(NodeId(1)).Save(mark));
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);  // others may read the file now, so Save() refuses it
  EXPECT_FALSE(Of(NodeId(1)).Save({mark.origin, Lseq(43), Hlc(6)}).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace harmonylite::node
