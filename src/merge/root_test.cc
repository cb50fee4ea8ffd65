#include "merge/root.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

namespace harmonylite::merge {
namespace {

using Id = int;

// A row that refers to others by their numbers; several rows may have the same number.
struct Row {
  int number = 0;
  std::vector<int> names;
};
using Rows = std::map<Id, Row>;

// The definition itself: rows without a parent are taken away until there is none.
std::set<Id> ByDefinition(const Rows& rows) {
  std::set<Id> visible;
  for (const auto& [id, row] : rows) visible.insert(id);
  while (true) {
    std::set<int> numbers;
    for (const Id id : visible) numbers.insert(rows.at(id).number);
    const size_t before = visible.size();
    std::erase_if(visible, [&](Id id) {
      for (const int name : rows.at(id).names)
        if (!numbers.contains(name)) return true;
      return false;
    });
    if (visible.size() == before) return visible;
  }
}

class MemoryStage final : public ReferenceStage {
 public:
  explicit MemoryStage(bool searches) : searches_(searches) {}
  Rows rows;
  std::set<Id> visible;
  std::map<Id, int> hidden;  // The number that each hidden row waits for.

  void Write(Id id, const Row& row) {
    Remove(id);
    rows[id] = row;
    visible.insert(id);
  }
  void Remove(Id id) {
    if (rows.contains(id)) former_[list_.size()].insert(rows[id].number);
    rows.erase(id);
    visible.erase(id);
    hidden.erase(id);
    list_.push_back(id);
  }
  Status Settle() {
    HL_TRY(Root(this));
    list_.clear();
    former_.clear();
    return Ok();
  }

  size_t Count() const override { return list_.size(); }
  Status ShowWaiting(size_t at) override {
    const Id id = list_[at];
    if (!visible.contains(id)) return Ok();
    for (auto it = hidden.begin(); it != hidden.end();) {
      const bool waits = it->second == rows[id].number;
      if (waits) {
        visible.insert(it->first);
        list_.push_back(it->first);
      }
      it = waits ? hidden.erase(it) : std::next(it);
    }
    return Ok();
  }
  Result<bool> HideOrphan(size_t at) override {
    const Id id = list_[at];
    if (!visible.contains(id)) return false;
    for (const int name : rows[id].names) {
      bool found = false;
      for (const Id other : visible) found = found || rows[other].number == name;
      if (found) continue;
      visible.erase(id);
      hidden[id] = name;
      former_[at].insert(rows[id].number);
      return true;
    }
    return false;
  }
  Status AddBereaved(size_t at) override {
    if (searches_) {
      dirty_ = true;
      return Ok();
    }
    for (const Id id : std::set<Id>(visible))
      for (const int name : rows[id].names)
        if (former_[at].contains(name)) list_.push_back(id);
    return Ok();
  }
  Status Search() override {
    if (!std::exchange(dirty_, false)) return Ok();
    for (const Id id : visible) {
      for (const int name : rows[id].names) {
        bool found = false;
        for (const Id other : visible) found = found || rows[other].number == name;
        if (!found) {
          list_.push_back(id);
          break;
        }
      }
    }
    return Ok();
  }

 private:
  const bool searches_;
  bool dirty_ = false;
  std::vector<Id> list_;
  // By place in the list: numbers that other rows may miss now.
  std::map<size_t, std::set<int>> former_;
};

TEST(Root, ACircleIsVisibleFromTheMomentItIsComplete) {
  MemoryStage stage(false);
  stage.Write(1, {1, {2}});
  stage.Write(2, {2, {3}});
  ASSERT_TRUE(stage.Settle().ok());
  EXPECT_EQ(stage.visible, std::set<Id>{});
  stage.Write(3, {3, {1}});
  ASSERT_TRUE(stage.Settle().ok());
  EXPECT_EQ(stage.visible, (std::set<Id>{1, 2, 3}));
  stage.Remove(2);
  ASSERT_TRUE(stage.Settle().ok());
  EXPECT_EQ(stage.visible, std::set<Id>{});
}

TEST(Root, IsTheDefinitionForAnyOrderAndGrouping) {
  std::mt19937_64 random(20'241'127);
  const auto below = [&](uint64_t limit) { return static_cast<int>(random() % limit); };
  size_t circles = 0;
  for (int history = 0; history < 20'000; ++history) {
    MemoryStage stage(history % 4 == 0);
    for (int step = 0; step < 12; ++step) {
      for (int writes = 1 + below(3); writes > 0; --writes) {
        const Id id = below(7);
        if (below(4) == 0) {
          stage.Remove(id);
          continue;
        }
        Row row{below(6), {}};
        for (int names = below(3); names > 0; --names) row.names.push_back(below(6));
        stage.Write(id, row);
      }
      ASSERT_TRUE(stage.Settle().ok());
      ASSERT_EQ(stage.visible, ByDefinition(stage.rows)) << "history " << history;
      for (const auto& [id, wants] : stage.hidden) ASSERT_FALSE(stage.visible.contains(id));
      ASSERT_EQ(stage.visible.size() + stage.hidden.size(), stage.rows.size());
    }
    for (const Id id : stage.visible) {
      const Row& row = stage.rows[id];
      circles += row.names.size() == 2 && row.names[0] != row.number && row.names[1] != row.number;
    }
  }
  EXPECT_GT(circles, 100u);
}

}  // namespace
}  // namespace harmonylite::merge
