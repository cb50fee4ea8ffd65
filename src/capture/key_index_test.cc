#include "capture/key_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace harmonylite::capture {
namespace {

using change::ValueView;

TEST(KeyIndexTest, TellsKeysApartAndKeepsTheGreatestLseq) {
  KeyIndex index;
  const std::vector<std::vector<ValueView>> keys = {
      {ValueView::Integer(1)},
      {ValueView::Real(1)},
      {ValueView::Text("1")},
      {ValueView::Blob("1")},
      {ValueView::Null()},
      {ValueView::Text("")},
      {ValueView::Blob("")},
      {ValueView::Text("ab"), ValueView::Text("c")},
      {ValueView::Text("a"), ValueView::Text("bc")},
      {ValueView::Integer(1), ValueView::Integer(1)},
  };
  for (const auto& key : keys) EXPECT_EQ(index.Newest(key), Lseq(0));
  for (size_t i = 0; i < keys.size(); ++i) index.Note(keys[i], Lseq(static_cast<int64_t>(i) + 10));
  for (size_t i = 0; i < keys.size(); ++i)
    EXPECT_EQ(index.Newest(keys[i]), Lseq(static_cast<int64_t>(i) + 10));
  index.Note(keys[0], Lseq(5));
  EXPECT_EQ(index.Newest(keys[0]), Lseq(10));
  index.Note(keys[0], Lseq(50));
  EXPECT_EQ(index.Newest(keys[0]), Lseq(50));
}

TEST(KeyIndexTest, Grows) {
  KeyIndex index;
  for (int64_t i = 10'000; i >= 1; --i) {
    const ValueView key = ValueView::Integer(i * 7);
    index.Note({&key, 1}, Lseq(i));
  }
  for (int64_t i = 1; i <= 10'000; ++i) {
    const ValueView key = ValueView::Integer(i * 7);
    ASSERT_EQ(index.Newest({&key, 1}), Lseq(i));
    const ValueView other = ValueView::Integer(i * 7 + 1);
    ASSERT_EQ(index.Newest({&other, 1}), Lseq(0));
  }
}

// Keys ascend for a while and then do not. The index must give the same answers in either form.
TEST(KeyIndexTest, HoldsWhatAMapHolds) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    KeyIndex index;
    std::map<int64_t, std::pair<Lseq, Lseq>> model;
    const int64_t ascending = static_cast<int64_t>(random() % 40);
    for (int64_t i = 1; i <= 60; ++i) {
      const int64_t value = i <= ascending ? i * 3 : static_cast<int64_t>(random() % 200);
      const ValueView key = ValueView::Integer(value);
      const Lseq lseq(static_cast<int64_t>(random() % 1'000) + 1);
      index.Note({&key, 1}, lseq);
      auto& [newest, oldest] = model.try_emplace(value, lseq, lseq).first->second;
      newest = std::max(newest, lseq);
      oldest = std::min(oldest, lseq);
      for (const int64_t asked : {value, value - 1, static_cast<int64_t>(random() % 200)}) {
        const ValueView one = ValueView::Integer(asked);
        const KeyIndex::Range found = index.Find({&one, 1});
        const auto known = model.find(asked);
        ASSERT_EQ(found.newest, known == model.end() ? Lseq(0) : known->second.first);
        ASSERT_EQ(found.oldest, known == model.end() ? Lseq(0) : known->second.second);
      }
      const ValueView text = ValueView::Text("3");
      ASSERT_EQ(index.Newest({&text, 1}), Lseq(0));
    }
  }
}

}  // namespace
}  // namespace harmonylite::capture
