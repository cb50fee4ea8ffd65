#include "adapters/nats/kv_meta_store.h"

#include <filesystem>

#include "support/nats_server.h"

namespace harmonylite::nats {
namespace {

using test::DeleteStreamForTest;
using test::kTestFormat;
using test::TestServer;

using ports::MetaEntry;

class KvMetaStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(server_.Start());
    ASSERT_VALUE(connection_, Connection::Open(server_.Client()));
    options_.format = kTestFormat;
    options_.timeout = std::chrono::milliseconds(2000);
    store_ = std::make_unique<KvMetaStore>(connection_, options_);
  }

  TestServer server_;
  std::shared_ptr<Connection> connection_;
  KvMetaStoreOptions options_;
  std::unique_ptr<KvMetaStore> store_;
};

TEST_F(KvMetaStoreTest, PutGetDelete) {
  EXPECT_EQ(store_->Get("a").error().code(), ErrorCode::kNotFound);
  const std::string binary("x\0\xFF", 3);
  ASSERT_VALUE(const uint64_t first, store_->Put("node.1", binary));
  ASSERT_VALUE(MetaEntry entry, store_->Get("node.1"));
  EXPECT_EQ(entry.value, binary);
  EXPECT_EQ(entry.revision, first);
  ASSERT_VALUE(const uint64_t second, store_->Put("node.1", ""));
  EXPECT_GT(second, first);
  ASSERT_VALUE(entry, store_->Get("node.1"));
  EXPECT_EQ(entry.value, "");
  ASSERT_OK(store_->Delete("node.1"));
  EXPECT_EQ(store_->Get("node.1").error().code(), ErrorCode::kNotFound);
  EXPECT_OK(store_->Delete("never"));
}

TEST_F(KvMetaStoreTest, CompareAndSet) {
  ASSERT_VALUE(const uint64_t first, store_->CompareAndSet("lease", "1", 0));
  EXPECT_EQ(store_->CompareAndSet("lease", "2", 0).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(store_->CompareAndSet("lease", "2", first + 1).error().code(), ErrorCode::kConflict);
  EXPECT_EQ(store_->CompareAndSet("other", "2", 3).error().code(), ErrorCode::kConflict);
  ASSERT_VALUE(const uint64_t second, store_->CompareAndSet("lease", "2", first));
  EXPECT_EQ(store_->CompareAndSet("lease", "3", first).error().code(), ErrorCode::kConflict);
  ASSERT_VALUE(MetaEntry entry, store_->Get("lease"));
  EXPECT_EQ(entry.value, "2");
  EXPECT_EQ(entry.revision, second);
  // A deleted key does not exist.
  ASSERT_OK(store_->Delete("lease"));
  ASSERT_OK(store_->CompareAndSet("lease", "4", 0));
  EXPECT_EQ(store_->Get("lease")->value, "4");
}

TEST_F(KvMetaStoreTest, ListShowsWhatWasWrittenBefore) {
  ASSERT_VALUE(auto none, store_->List(""));
  EXPECT_TRUE(none.empty());
  for (int i = 0; i < 30; ++i)
    ASSERT_OK(store_->Put("node." + std::to_string(i), std::to_string(i)));
  ASSERT_OK(store_->Put("lease", "x"));
  ASSERT_VALUE(auto nodes, store_->List("node."));
  EXPECT_EQ(nodes.size(), 30u);
  EXPECT_EQ(nodes["node.7"].value, "7");
  EXPECT_EQ(nodes["node.7"].revision, store_->Get("node.7")->revision);

  // Writes of another client show at once, too.
  KvMetaStore other(connection_, options_);
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(other.Put("node.7", "again" + std::to_string(i)));
    ASSERT_VALUE(nodes, store_->List("node.7"));
    EXPECT_EQ(nodes["node.7"].value, "again" + std::to_string(i));
  }
  ASSERT_OK(other.Delete("node.8"));
  ASSERT_VALUE(nodes, store_->List("node."));
  EXPECT_EQ(nodes.size(), 29u);
  // This store has seen nothing yet.
  KvMetaStore fresh(connection_, options_);
  ASSERT_VALUE(auto all, fresh.List(""));
  EXPECT_EQ(all.size(), 30u);
}

TEST_F(KvMetaStoreTest, RecentFollowsWithoutAsking) {
  ASSERT_OK(store_->Put("node.1", "a"));
  ASSERT_VALUE(auto entries, store_->Recent("node."));
  EXPECT_EQ(entries["node.1"].value, "a");
  EXPECT_EQ(store_->RecentEntry("node.2").error().code(), ErrorCode::kNotFound);
  KvMetaStore other(connection_, options_);
  ASSERT_OK(other.Put("node.2", "b"));
  ASSERT_OK(other.Delete("node.1"));
  EXPECT_TRUE(test::WaitUntil([&] {
    const auto now = store_->Recent("node.");
    return now.ok() && now->size() == 1 && now->begin()->second.value == "b";
  }));
  ASSERT_VALUE(const MetaEntry entry, store_->RecentEntry("node.2"));
  EXPECT_EQ(entry.value, "b");
  // The store notices by itself that the bucket is gone.
  ASSERT_OK(DeleteStreamForTest(connection_, "KV_harmonylite-changes-v2-meta"));
  EXPECT_TRUE(test::WaitUntil([&] {
    const auto now = store_->Recent("");
    return now.ok() && now->empty();
  }));
}

TEST_F(KvMetaStoreTest, BadKeysAreRefused) {
  for (const char* key : {"", ".a", "a.", "a..b", "a b", "a*", ">"})
    EXPECT_EQ(store_->Put(key, "x").error().code(), ErrorCode::kInvalidArgument) << key;
}

TEST_F(KvMetaStoreTest, WipedStoreIsMadeAgain) {
  ASSERT_OK(store_->Put("a", "1"));
  ASSERT_VALUE(auto before, store_->List(""));
  EXPECT_EQ(before.size(), 1u);
  server_.Stop();
  EXPECT_EQ(store_->Put("a", "2").error().code(), ErrorCode::kRetryLater);
  EXPECT_EQ(store_->List("").error().code(), ErrorCode::kRetryLater);
  std::filesystem::remove_all(server_.options().store_dir);
  ASSERT_OK(server_.Start());
  ASSERT_TRUE(test::WaitUntil([&] { return store_->Put("b", "2").ok(); }));
  ASSERT_VALUE(auto after, store_->List(""));
  EXPECT_EQ(after.size(), 1u);
  EXPECT_EQ(after.count("b"), 1u);
}

TEST_F(KvMetaStoreTest, BucketDeletedUnderUsIsMadeAgain) {
  ASSERT_OK(store_->Put("a", "1"));
  ASSERT_OK(store_->List(""));
  ASSERT_OK(DeleteStreamForTest(connection_, "KV_harmonylite-changes-v2-meta"));
  ASSERT_VALUE(auto empty, store_->List(""));
  EXPECT_TRUE(empty.empty());
  ASSERT_OK(store_->Put("b", "2"));
  ASSERT_VALUE(auto after, store_->List(""));
  EXPECT_EQ(after.size(), 1u);
}

TEST_F(KvMetaStoreTest, ListAfterTheServerCrashed) {
  ASSERT_OK(store_->Put("a", "1"));
  ASSERT_OK(store_->List(""));
  ASSERT_EQ(kill(server_.process().pid(), SIGKILL), 0);
  ASSERT_TRUE(test::WaitUntil([&] { return store_->Put("b", "2").ok(); }));
  ASSERT_VALUE(auto all, store_->List(""));
  EXPECT_EQ(all.size(), 2u);
}

}  // namespace
}  // namespace harmonylite::nats
