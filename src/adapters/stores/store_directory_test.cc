#include "adapters/stores/store_directory.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <filesystem>
#include <fstream>

#include "support/object_store_contract.h"

namespace harmonylite::test {
namespace {

class DirectoryHolder final : public StoreHolder {
 public:
  std::unique_ptr<ports::ObjectStore> Open() override {
    return std::make_unique<stores::DirectoryStore>(dir_.File("snapshots"));
  }

 private:
  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Directory, ObjectStoreContract,
                         ::testing::Values(StoreKind{
                             "Directory", [] { return std::make_unique<DirectoryHolder>(); }}),
                         StoreKindName);

}  // namespace
}  // namespace harmonylite::test

namespace harmonylite::stores {
namespace {

class DirectoryStoreTest : public ::testing::Test {
 protected:
  Spool Filled(std::string_view bytes) const {
    Spool spool(dir_.path());
    EXPECT_OK(spool.Append(bytes));
    return spool;
  }
  std::string path() const { return dir_.File("snapshots"); }

  test::TempDir dir_;
  DirectoryStore store_{dir_.File("snapshots")};
};

TEST_F(DirectoryStoreTest, OnlyOurUserMayRead) {
  ASSERT_OK(store_.Put("a", Filled("x"), nullptr));
  struct stat info {};
  ASSERT_EQ(stat((path() + "/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(DirectoryStoreTest, OtherFilesAreLeftAloneAndNotListed) {
  ASSERT_OK(store_.Put("a", Filled("x"), nullptr));
  std::ofstream(path() + "/.hidden") << "x";
  std::ofstream(path() + "/not a name") << "x";
  std::filesystem::create_directory(path() + "/folder");
  ASSERT_VALUE(const auto list, store_.List(""));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].name, "a");
}

TEST_F(DirectoryStoreTest, WhatAKilledWriterLeftIsRemovedOnceItIsOld) {
  ASSERT_OK(store_.Put("a", Filled("x"), nullptr));
  const std::string old_part = path() + "/.harmonylite-part-000000";
  const std::string new_part = path() + "/.harmonylite-part-111111";
  std::ofstream(old_part) << "x";
  std::ofstream(new_part) << "x";
  const timeval times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(utimes(old_part.c_str(), times), 0);
  ASSERT_OK(store_.Put("b", Filled("x"), nullptr));
  EXPECT_FALSE(std::filesystem::exists(old_part));
  EXPECT_TRUE(std::filesystem::exists(new_part));
}

TEST_F(DirectoryStoreTest, AMissingParentIsForTheOperator) {
  DirectoryStore store(dir_.File("no/such/place"));
  const Status put = store.Put("a", Filled("x"), nullptr);
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(put.error().message().find("no/such/place"), std::string::npos);
}

TEST_F(DirectoryStoreTest, AFileInThePlaceOfTheDirectoryIsForTheOperator) {
  std::ofstream(path()) << "x";
  EXPECT_EQ(store_.Put("a", Filled("x"), nullptr).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(store_.List("").error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(DirectoryStoreTest, NothingStaysOfAPutThatFails) {
  ASSERT_OK(store_.Put("a", Filled("x"), nullptr));
  std::filesystem::create_directory(path() + "/b");  // a file cannot replace a directory
  EXPECT_FALSE(store_.Put("b", Filled("x"), nullptr).ok());
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path())) ++files;
  EXPECT_EQ(files, 2u);
}

TEST_F(DirectoryStoreTest, AFileThatCannotGrowLeavesTheOldObject) {
  ASSERT_OK(store_.Put("a", Filled("old"), nullptr));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const Spool large = [&] {
    Spool spool(dir_.path(), 8 << 20);
    EXPECT_OK(spool.Append(std::string(4 << 20, 'x')));
    return spool;
  }();
  rlimit small = before;
  small.rlim_cur = 1 << 20;
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status put = store_.Put("a", large, nullptr);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, handler);
  ASSERT_FALSE(put.ok());
  EXPECT_NE(put.error().message().find("File too large"), std::string::npos);
  Spool out(dir_.path());
  ASSERT_OK(store_.Get("a", &out, nullptr));
  EXPECT_EQ(out.size(), 3u);
}

}  // namespace
}  // namespace harmonylite::stores
