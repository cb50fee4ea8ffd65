// How blocks of ids are shared out, and how SQLite's counters are moved.
#include "ledger/id_share.h"

#include <gtest/gtest.h>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::ledger {
namespace {

using Strings = std::vector<std::string>;

constexpr IdShare kFirst{{8, 4}, 0, true};
constexpr IdShare kThird{{8, 4}, 2, true};

TEST(IdShareTest, ABlockInEachRoundIsTheSlots) {
  EXPECT_EQ(IdsLeft(kFirst, 0), 7) << "ids 1 to 7";
  EXPECT_EQ(IdsLeft(kFirst, 6), 1);
  EXPECT_EQ(IdsLeft(kFirst, 7), 0);
  EXPECT_EQ(IdsLeft(kFirst, 31), 8);
  EXPECT_EQ(IdsLeft(kThird, 0), 0);
  EXPECT_EQ(IdsLeft(kThird, 15), 8);
  EXPECT_EQ(IdsLeft(kThird, 23), 0);
  EXPECT_EQ(IdsLeft(kThird, INT64_MAX), 0);
}

TEST(IdShareTest, TheNextBlockBeginsAboveEveryId) {
  EXPECT_EQ(NextBlock(kFirst, 0), 32);
  EXPECT_EQ(NextBlock(kFirst, 31), 32);
  EXPECT_EQ(NextBlock(kFirst, 32), 64);
  EXPECT_EQ(NextBlock(kThird, 0), 16);
  EXPECT_EQ(NextBlock(kThird, 15), 16);
  EXPECT_EQ(NextBlock(kThird, 16), 48);
  EXPECT_EQ(NextBlock(kThird, INT64_MAX), std::nullopt);
  EXPECT_EQ(NextBlock(kThird, INT64_MAX - 20), std::nullopt);
  // Whatever was used, and whoever goes on: the blocks of two slots never meet.
  for (int64_t newest = 0; newest < 200; ++newest) {
    EXPECT_EQ(*NextBlock(kFirst, newest) / 8 % 4, 0);
    EXPECT_EQ(*NextBlock(kThird, newest) / 8 % 4, 2);
    EXPECT_EQ(IdsLeft(kThird, *NextBlock(kThird, newest) - 1), 8);
  }
}

TEST(IdShareTest, TellsShares) {
  EXPECT_TRUE(IsShare(kThird));
  EXPECT_TRUE(IsShare({{4, 2}, 1, false}));
  EXPECT_FALSE(IsShare({{2, 2}, 1, false}));
  EXPECT_FALSE(IsShare({{8, 4}, 4, true}));
  EXPECT_FALSE(IsShare({{8, 4}, -1, true}));
  EXPECT_FALSE(IsShare({{8, 3}, 0, true}));
  EXPECT_FALSE(IsShare({{0, 4}, 0, true}));
  EXPECT_FALSE(IsShare({{kMostIdBlock * 2, 4}, 0, true}));
}

class IdCounterTest : public testing::Test {
 protected:
  void Make(const std::string& sql) {
    sqlite::Execute(&db_, sql);
    catalog_.tables.clear();
    for (schema::Table& table : sqlite::Must(schema::Load(&db_, {})).tables) {
      TrackedTable tracked;
      tracked.table = std::move(table);
      catalog_.tables.push_back(std::move(tracked));
    }
  }
  size_t Move(const IdShare& share) {
    return sqlite::Must(MoveLowIds(&db_, catalog_, share)).size();
  }
  int64_t Insert(const std::string& table) {
    sqlite::Execute(&db_, "INSERT INTO \"" + table + "\"(v) VALUES(1)");
    return db_.last_insert_rowid();
  }

  sqlite::Connection db_ =
      sqlite::Must(sqlite::Connection::Open(":memory:", sqlite::OpenMode::kCreate));
  Catalog catalog_;
};

TEST_F(IdCounterTest, ATableWithoutRowsBeginsAtItsBlock) {
  Make("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  EXPECT_EQ(Move(kThird), 1u);
  EXPECT_EQ(Insert("t"), 16);
  EXPECT_EQ(Move(kThird), 0u) << "most of the block is left";
  EXPECT_EQ(Move(kFirst), 1u) << "another slot";
  EXPECT_EQ(Insert("t"), 32);
}

TEST_F(IdCounterTest, HalfOfABlockIsKeptFree) {
  Make("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  for (int64_t id = 1; id <= 3; ++id) EXPECT_EQ(Insert("t"), id);
  EXPECT_EQ(Move(kFirst), 0u);
  EXPECT_EQ(Insert("t"), 4);
  EXPECT_EQ(Move(kFirst), 1u) << "5, 6 and 7 are left";
  EXPECT_EQ(Insert("t"), 32);
}

TEST_F(IdCounterTest, OtherTablesAreLeftAlone) {
  Make("CREATE TABLE plain(id INTEGER PRIMARY KEY, v); CREATE TABLE text(id TEXT PRIMARY KEY, v)");
  EXPECT_EQ(Move(kThird), 0u);
  Make("CREATE TABLE \"it's\"(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  EXPECT_EQ(Move(kThird), 1u);
  EXPECT_EQ(Insert("it's"), 16);
  EXPECT_EQ(Insert("plain"), 1);
}

TEST_F(IdCounterTest, UsedIdsCountHoweverTheyAreKnown) {
  Make("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  const auto move = [&](int64_t used) {
    return sqlite::Must(MoveIfLow(&db_, catalog_.tables[0], used, kThird));
  };
  EXPECT_EQ(move(0)->next, 16);
  EXPECT_FALSE(move(17)) << "one of this node's own";
  EXPECT_EQ(move(20)->next, 48) << "a deleted row's, which left nothing here";
  sqlite::Execute(&db_, "INSERT INTO t VALUES(60, 1); DELETE FROM t");
  EXPECT_EQ(move(0)->next, 80) << "the counter knows it";
  sqlite::Execute(&db_, "INSERT INTO t VALUES(1, 1); UPDATE t SET id = 90");
  const auto moved = move(0);
  EXPECT_EQ(moved->next, 112) << "the counter does not know it";
  EXPECT_EQ(moved->newest, 90);
  EXPECT_TRUE(moved->left_block);
}

// Rows that are shadowed, hidden or deleted are in no table, but have versions.
TEST_F(IdCounterTest, VersionsCountToo) {
  Make("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  catalog_.tables[0].id = 7;
  sqlite::Execute(
      &db_, "CREATE TABLE __harmonylite__v7(k1 INTEGER PRIMARY KEY, hlc, n, lseq, gone, hash)");
  sqlite::Execute(
      &db_,
      "INSERT INTO __harmonylite__v7(k1, hlc, n, lseq, gone, hash) VALUES(40, 1, 0, 1, 1, 0)");
  EXPECT_EQ(Move(kThird), 1u);
  EXPECT_EQ(Insert("t"), 48);
}

TEST_F(IdCounterTest, ACounterThatSomebodySetBackIsMovedAgain) {
  Make("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  Move(kThird);
  sqlite::Execute(&db_, "DELETE FROM sqlite_sequence");
  EXPECT_EQ(Move(kThird), 1u);
  EXPECT_EQ(Insert("t"), 16);
}

TEST_F(IdCounterTest, AtTheEndOfAllIdsNothingIsMoved) {
  Make("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)");
  sqlite::Execute(&db_, "INSERT INTO t VALUES(9223372036854775807, 1)");
  EXPECT_EQ(Move(kThird), 0u);
}

}  // namespace
}  // namespace harmonylite::ledger
