#include "merge/settle.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <set>

namespace harmonylite::merge {
namespace {

// A row with one value per UNIQUE index; an unset value stands for NULL.
struct Row {
  int64_t version = 0;
  std::vector<std::optional<int>> values;
};
using Rows = std::map<RowHandle, Row>;
using Visible = std::set<RowHandle>;

bool Clash(const Row& a, const Row& b) {
  for (size_t i = 0; i < a.values.size(); ++i)
    if (a.values[i] && a.values[i] == b.values[i]) return true;
  return false;
}

// The definition itself: from the newest row on, a row is visible if no visible row clashes with
// it.
Visible ByDefinition(const Rows& rows) {
  std::map<int64_t, RowHandle, std::greater<>> order;
  for (const auto& [handle, row] : rows) order[row.version] = handle;
  Visible out;
  for (const auto& [version, handle] : order) {
    bool free = true;
    for (const RowHandle other : out) free = free && !Clash(rows.at(handle), rows.at(other));
    if (free) out.insert(handle);
  }
  return out;
}

// A table in memory that refuses the rows that SQLite's indexes would refuse.
class MemoryStage final : public UniqueStage {
 public:
  Rows rows;
  Visible visible;
  // Shadowed rows with their blockers; a row without one is pending.
  std::map<RowHandle, std::optional<RowHandle>> shadowed;
  std::set<RowHandle> refused;  // Rows that cannot be in the table.
  size_t looks = 0;

  // Does what applying a batch does with one row; an unset `row` means deleted.
  void Write(RowHandle handle, std::optional<Row> row) {
    shadowed.erase(handle);
    for (auto& [other, blocker] : shadowed)
      if (blocker == handle) blocker.reset();
    visible.erase(handle);
    rows.erase(handle);
    if (!row) return;
    rows[handle] = *row;
    if (Free(handle))
      visible.insert(handle);
    else
      shadowed[handle] = std::nullopt;
  }
  Status SettleAll() {
    std::vector<Contender> pending;
    for (const auto& [handle, blocker] : shadowed)
      if (!blocker) pending.push_back(At(handle));
    return Settle(std::move(pending), this);
  }

  Result<Shown> Show(RowHandle row) override {
    ++looks;
    if (visible.contains(row)) return Shown::kYes;
    if (refused.contains(row)) return Shown::kRefused;
    if (!Free(row)) return Shown::kTaken;
    shadowed.erase(row);
    visible.insert(row);
    return Shown::kYes;
  }
  Result<std::vector<Contender>> Holders(RowHandle row) override {
    std::vector<Contender> out;
    for (const RowHandle other : visible)
      if (Clash(rows.at(row), rows.at(other))) out.push_back(At(other));
    return out;
  }
  Status Hide(RowHandle row, RowHandle blocker) override {
    visible.erase(row);
    shadowed[row] = blocker;
    return Ok();
  }
  Result<std::vector<Contender>> BlockedBy(RowHandle blocker) override {
    std::vector<Contender> out;
    for (const auto& [handle, by] : shadowed)
      if (by == blocker) out.push_back(At(handle));
    return out;
  }

 private:
  Contender At(RowHandle handle) const {
    return {handle, {Hlc(rows.at(handle).version), Origin{NodeId(1), Incarnation(1)}}};
  }
  bool Free(RowHandle handle) const {
    for (const RowHandle other : visible)
      if (Clash(rows.at(handle), rows.at(other))) return false;
    return true;
  }
};

void ExpectRight(const MemoryStage& stage) {
  EXPECT_EQ(stage.visible, ByDefinition(stage.rows));
  for (const auto& [handle, blocker] : stage.shadowed) {
    ASSERT_TRUE(blocker.has_value()) << handle;
    EXPECT_TRUE(stage.visible.contains(*blocker));
    EXPECT_GT(stage.rows.at(*blocker).version, stage.rows.at(handle).version);
    EXPECT_TRUE(Clash(stage.rows.at(handle), stage.rows.at(*blocker)));
  }
}

TEST(Settle, IsTheDefinitionForAnyOrderAndGrouping) {
  std::mt19937_64 random(20'241'124);
  const auto below = [&](uint64_t limit) { return random() % limit; };
  for (int history = 0; history < 20'000; ++history) {
    SCOPED_TRACE(history);
    MemoryStage stage;
    const size_t rows = 2 + below(8);
    const int values = 1 + static_cast<int>(below(4));
    const size_t indexes = 1 + below(3);
    std::vector<int64_t> versions;
    for (int64_t i = 1; i <= 40; ++i) versions.push_back(i);
    std::shuffle(versions.begin(), versions.end(), random);
    for (size_t step = 0; step < versions.size();) {
      // Versions of one row only grow, because a batch with an older one changes nothing.
      for (size_t size = 1 + below(5); size > 0 && step < versions.size(); --size, ++step) {
        const RowHandle handle = below(rows);
        const auto old = stage.rows.find(handle);
        if (old != stage.rows.end() && old->second.version > versions[step]) continue;
        Row row{versions[step], {}};
        for (size_t i = 0; i < indexes; ++i)
          row.values.push_back(below(6) == 0 ? std::nullopt
                                             : std::optional(static_cast<int>(below(values))));
        stage.Write(handle, below(4) == 0 ? std::nullopt : std::optional(row));
      }
      ASSERT_TRUE(stage.SettleAll().ok());
      ExpectRight(stage);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Settle, OnlyWhatMayChangeIsLookedAt) {
  MemoryStage stage;
  for (RowHandle i = 0; i < 1'000; ++i)
    stage.Write(i, Row{static_cast<int64_t>(i) + 1, {static_cast<int>(i / 2)}});
  ASSERT_TRUE(stage.SettleAll().ok());
  ExpectRight(stage);
  EXPECT_EQ(stage.shadowed.size(), 500u);
  stage.looks = 0;
  stage.Write(501, std::nullopt);
  ASSERT_TRUE(stage.SettleAll().ok());
  EXPECT_TRUE(stage.visible.contains(500));
  EXPECT_EQ(stage.looks, 1u);
}

TEST(Settle, ARefusedRowIsKeptAndKeepsNobodyAway) {
  MemoryStage stage;
  stage.Write(1, Row{1, {7}});
  stage.Write(2, Row{2, {7}});
  stage.refused.insert(2);
  ASSERT_TRUE(stage.SettleAll().ok());
  EXPECT_EQ(stage.visible, Visible{1});
  EXPECT_EQ(stage.shadowed.at(2), RowHandle{2});
}

}  // namespace
}  // namespace harmonylite::merge
