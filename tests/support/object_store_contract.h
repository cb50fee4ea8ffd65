// The tests that every ports::ObjectStore must pass. Include this file in one file of a test
// program and instantiate ObjectStoreContract there with the stores to try.
//
// The places that the stores write to may hold objects of earlier tests, so names are drawn anew
// for each test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ports/object_store.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace harmonylite::test {

// Owns a store's place and whatever the store needs there, such as a server.
class StoreHolder {
 public:
  virtual ~StoreHolder() = default;
  virtual std::unique_ptr<ports::ObjectStore> Open() = 0;
};

struct StoreKind {
  std::string name;  // Part of the tests' names.
  std::function<std::unique_ptr<StoreHolder>()> make;
};
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }
inline std::string StoreKindName(const ::testing::TestParamInfo<StoreKind>& info) {
  return info.param.name;
}

// Bytes that do not compress; each seed gives different ones.
inline std::string NoiseBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string out(size, '\0');
  for (size_t i = 0; i < size; i += 8) {
    const uint64_t word = random();
    memcpy(out.data() + i, &word, std::min<size_t>(8, size - i));
  }
  return out;
}

class ObjectStoreContract : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    holder_ = GetParam().make();
    ASSERT_NE(holder_, nullptr);
    store_ = holder_->Open();
    ASSERT_NE(store_, nullptr);
    prefix_ = "t" + std::to_string(std::random_device{}()) + "-";
  }
  void TearDown() override {
    if (!store_) return;
    const auto left = store_->List(prefix_);
    if (!left.ok()) return;
    for (const auto& object : *left) EXPECT_OK(store_->Delete(object.name));
  }

  std::string Name(const std::string& rest) const { return prefix_ + rest; }
  Spool Empty() const { return Spool(dir_.path(), 1 << 20); }
  Spool Filled(std::string_view bytes) const {
    Spool spool = Empty();
    EXPECT_OK(spool.Append(bytes));
    return spool;
  }
  std::string BytesOf(const Spool& spool) const {
    std::string out;
    EXPECT_OK(spool.ReadAt(0, spool.size(), &out));
    return out;
  }
  // The object's content; "", with a failure of the test, if it cannot be read.
  std::string Read(const std::string& name) {
    Spool out = Empty();
    EXPECT_OK(store_->Get(name, &out, nullptr));
    return BytesOf(out);
  }
  std::vector<std::string> Names(const std::string& prefix) {
    std::vector<std::string> out;
    const auto list = store_->List(prefix);
    EXPECT_OK(list);
    if (list.ok()) {
      for (const auto& object : *list) out.push_back(object.name);
    }
    return out;
  }

  TempDir dir_;
  std::unique_ptr<StoreHolder> holder_;
  std::unique_ptr<ports::ObjectStore> store_;
  std::string prefix_;
};

TEST_P(ObjectStoreContract, PutGetListDelete) {
  EXPECT_TRUE(Names(prefix_).empty());
  const std::string bytes("a\0\xFF\r\n", 5);
  ports::Transfer transfer;
  ASSERT_OK(store_->Put(Name("b.db.zst"), Filled(bytes), &transfer));
  EXPECT_EQ(transfer.bytes, bytes.size());
  ASSERT_OK(store_->Put(Name("a_1.manifest"), Filled("hello"), nullptr));
  EXPECT_EQ(Read(Name("b.db.zst")), bytes);
  EXPECT_EQ(Read(Name("a_1.manifest")), "hello");
  const auto list = store_->List(prefix_);
  ASSERT_OK(list);
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ((*list)[0].name, Name("a_1.manifest"));
  EXPECT_EQ((*list)[0].size, 5u);
  EXPECT_EQ((*list)[1].name, Name("b.db.zst"));
  EXPECT_EQ(Names(Name("b")), std::vector<std::string>{Name("b.db.zst")});
  EXPECT_TRUE(Names(Name("c")).empty());
  // A second instance, as on another node, sees the same objects.
  EXPECT_EQ(holder_->Open()->List(prefix_)->size(), 2u);

  ASSERT_OK(store_->Delete(Name("b.db.zst")));
  EXPECT_EQ(Names(prefix_), std::vector<std::string>{Name("a_1.manifest")});
  Spool out = Empty();
  EXPECT_EQ(store_->Get(Name("b.db.zst"), &out, nullptr).error().code(), ErrorCode::kNotFound);
  EXPECT_OK(store_->Delete(Name("b.db.zst")));
  EXPECT_OK(store_->Delete(Name("never")));
}

TEST_P(ObjectStoreContract, AnAbsentObjectIsNotFound) {
  Spool out = Empty();
  const Status got = store_->Get(Name("never"), &out, nullptr);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code(), ErrorCode::kNotFound) << got.error().message();
}

TEST_P(ObjectStoreContract, AnotherPutReplaces) {
  ASSERT_OK(store_->Put(Name("x"), Filled(std::string(300'000, 'a')), nullptr));
  ASSERT_OK(store_->Put(Name("x"), Filled("short"), nullptr));
  EXPECT_EQ(Read(Name("x")), "short");
  ASSERT_OK(store_->Put(Name("x"), Filled(std::string(200'000, 'b')), nullptr));
  EXPECT_EQ(Read(Name("x")), std::string(200'000, 'b'));
  const auto list = store_->List(prefix_);
  ASSERT_OK(list);
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ((*list)[0].size, 200'000u);
}

TEST_P(ObjectStoreContract, GetReplacesWhatWasInTheSpool) {
  ASSERT_OK(store_->Put(Name("x"), Filled("new"), nullptr));
  Spool out = Filled("old");
  ASSERT_OK(store_->Get(Name("x"), &out, nullptr));
  EXPECT_EQ(BytesOf(out), "new");
}

TEST_P(ObjectStoreContract, AnEmptyObjectIsAnObject) {
  ASSERT_OK(store_->Put(Name("empty"), Empty(), nullptr));
  EXPECT_EQ(Read(Name("empty")), "");
  const auto list = store_->List(prefix_);
  ASSERT_OK(list);
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ((*list)[0].size, 0u);
}

TEST_P(ObjectStoreContract, NamesThatAreNoneAreRefused) {
  for (const std::string name :
       {"", ".", "..", ".a", "a/b", "../a", "a b", "a\n", "a%2e", "a*", "ä"}) {
    Spool out = Empty();
    EXPECT_EQ(store_->Put(name, Filled("x"), nullptr).error().code(), ErrorCode::kInvalidArgument)
        << name;
    EXPECT_EQ(store_->Get(name, &out, nullptr).error().code(), ErrorCode::kInvalidArgument) << name;
    EXPECT_EQ(store_->Delete(name).error().code(), ErrorCode::kInvalidArgument) << name;
  }
  const std::string longest(ports::kMaxObjectName - prefix_.size(), 'x');
  ASSERT_OK(store_->Put(Name(longest), Filled("x"), nullptr));
  EXPECT_EQ(Names(prefix_), std::vector<std::string>{Name(longest)});
  EXPECT_EQ(store_->Put(Name(longest + "x"), Filled("x"), nullptr).error().code(),
            ErrorCode::kInvalidArgument);
}

TEST_P(ObjectStoreContract, ALargeObjectComesBackAsItWas) {
  // The size is not a multiple of any chunk's size.
  const size_t size = (20 << 20) + 12'345;
  const std::string bytes = NoiseBytes(size, 7);
  ports::Transfer up, down;
  ASSERT_OK(store_->Put(Name("large"), Filled(bytes), &up));
  EXPECT_EQ(up.bytes, size);
  Spool out = Empty();
  ASSERT_OK(store_->Get(Name("large"), &out, &down));
  EXPECT_EQ(down.bytes, size);
  EXPECT_TRUE(BytesOf(out) == bytes);
  EXPECT_LE(out.memory(), size_t{8} << 20);
}

// Gives its bytes in pieces of all sizes, and fails at the end of every attempt but the last.
class PiecewiseSource final : public ports::ObjectSource {
 public:
  PiecewiseSource(std::string bytes, int failing) : bytes_(std::move(bytes)), failing_(failing) {}
  Status Begin() override {
    at_ = 0;
    size_ = 1;
    ++begun;
    return Ok();
  }
  Status Next(std::string* out) override {
    *out = bytes_.substr(at_, size_);
    at_ += out->size();
    size_ = size_ * 3 % 700'001;
    if (out->empty() && begun <= failing_)
      return MakeError(ErrorCode::kRetryLater, "the source is tired");
    return Ok();
  }
  int begun = 0;

 private:
  const std::string bytes_;
  const int failing_;
  size_t at_ = 0;
  size_t size_ = 1;
};

TEST_P(ObjectStoreContract, AStreamIsAnObjectLikeOthers) {
  if (!store_->streams()) {
    PiecewiseSource source("x", 0);
    EXPECT_FALSE(store_->PutFrom(Name("x"), &source, nullptr).ok());
    return;
  }
  // The sizes are: empty, shorter than a chunk of any store, as long as several chunks, and not a
  // multiple of one.
  for (const size_t size : {0, 5, 512 << 10, (3 << 20) + 7}) {
    SCOPED_TRACE(size);
    const std::string bytes = NoiseBytes(size, size);
    PiecewiseSource source(bytes, size == 0 ? 0 : 1);
    ports::Transfer transfer;
    ASSERT_OK(store_->PutFrom(Name("x"), &source, &transfer));
    EXPECT_EQ(source.begun, size == 0 ? 1 : 2);
    EXPECT_EQ(transfer.bytes, size);
    Spool out = Filled("old");
    ports::SpoolSink sink(&out);
    ASSERT_OK(store_->GetInto(Name("x"), &sink, &transfer));
    EXPECT_TRUE(BytesOf(out) == bytes);
    EXPECT_TRUE(Read(Name("x")) == bytes);
  }
}

TEST_P(ObjectStoreContract, ACancelledPutLeavesTheOldObject) {
  ASSERT_OK(store_->Put(Name("x"), Filled("old"), nullptr));
  const Spool large = Filled(NoiseBytes(20 << 20, 8));
  for (const bool at_once : {true, false}) {
    ports::Transfer transfer;
    transfer.cancelled = at_once;
    std::thread canceller([&] {
      // This loop ends without cancelling only if the whole object was moved first.
      WaitUntil([&] { return transfer.bytes > 0 || transfer.cancelled; });
      transfer.cancelled = true;
    });
    const Status put = store_->Put(Name("x"), large, &transfer);
    transfer.cancelled = true;
    canceller.join();
    if (put.ok()) {
      EXPECT_FALSE(at_once);
      EXPECT_EQ(Read(Name("x")).size(), large.size());
      continue;
    }
    EXPECT_EQ(put.error().code(), ErrorCode::kRetryLater) << put.error().message();
    EXPECT_TRUE(Read(Name("x")) == "old");  // EXPECT_EQ would print megabytes.
    EXPECT_EQ(Names(prefix_), std::vector<std::string>{Name("x")});
  }
}

TEST_P(ObjectStoreContract, ACancelledGetEnds) {
  ASSERT_OK(store_->Put(Name("x"), Filled(NoiseBytes(5 << 20, 9)), nullptr));
  ports::Transfer transfer;
  transfer.cancelled = true;
  Spool out = Empty();
  const Status got = store_->Get(Name("x"), &out, &transfer);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code(), ErrorCode::kRetryLater);
}

TEST_P(ObjectStoreContract, ReadersNeverSeeHalfAnObject) {
  // Every version has a size of its own, because a server that tells versions apart by time and
  // size may give several of them the same time.
  std::vector<std::string> all;
  for (size_t i = 0; i < 7; ++i) all.push_back(NoiseBytes((2 << 20) + (i % 2 << 20) + i, 10 + i));
  ASSERT_OK(store_->Put(Name("x"), Filled(all[0]), nullptr));
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    const auto other = holder_->Open();
    for (size_t i = 1; i < all.size(); ++i)
      EXPECT_OK(other->Put(Name("x"), Filled(all[i]), nullptr));
    stop = true;
  });
  while (!stop) {
    Spool out = Empty();
    const Status got = store_->Get(Name("x"), &out, nullptr);
    // If the object is replaced while it is read, the read may fail, but it must say so.
    if (!got.ok()) {
      EXPECT_EQ(got.error().code(), ErrorCode::kRetryLater) << got.error().message();
      continue;
    }
    const std::string bytes = BytesOf(out);
    EXPECT_TRUE(std::find(all.begin(), all.end(), bytes) != all.end()) << bytes.size();
  }
  writer.join();
}

}  // namespace harmonylite::test
