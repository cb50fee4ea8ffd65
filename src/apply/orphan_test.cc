// Tests that rows without a parent are hidden, are never taken for deleted, and come back with
// their parent.
#include <gtest/gtest.h>

#include "apply/apply_test_util.h"
#include "ledger/conflict_log.h"
#include "ledger/orphan_census.h"
#include "ledger/orphan_list.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kFamily =
    "CREATE TABLE p(id INTEGER PRIMARY KEY, v);"
    "CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p ON DELETE CASCADE, u UNIQUE);"
    "CREATE INDEX i ON c(p)";

schema::LoadOptions Hiding() {
  schema::LoadOptions options;
  options.hide_orphans = true;
  return options;
}

class OrphanTest : public testing::Test {
 protected:
  static Strings Children(ApplyNode* node) { return node->Query("SELECT * FROM c ORDER BY 1"); }
  // Lists hidden rows and whether each is an orphan. c is the first table.
  static Strings Hidden(ApplyNode* node) {
    return node->Query("SELECT k1, wants IS NOT NULL FROM __harmonylite__s1 ORDER BY 1");
  }
  static std::vector<ledger::ListedConflict> Listed(ApplyNode* node) {
    return sqlite::Must(ledger::ListConflicts(&node->db, node->catalog));
  }
  ApplyNode one_{kFamily, 1, Hiding()};
  ApplyNode two_{kFamily, 2, Hiding()};
};

TEST_F(OrphanTest, HiddenOnBothAndBackWithTheParent) {
  one_.App("INSERT INTO p VALUES(1, 'p')");
  two_.ApplyFrom(&one_);
  one_.App("DELETE FROM p WHERE id = 1");
  two_.App("INSERT INTO c VALUES(10, 1, NULL), (11, NULL, 'x')");
  one_.ApplyFrom(&two_);
  EXPECT_EQ(two_.ApplyFrom(&one_).orphans.hidden, 1);
  for (ApplyNode* node : {&one_, &two_}) {
    EXPECT_EQ(Children(node), Strings{"11|NULL|'x'"});
    EXPECT_EQ(Hidden(node), Strings{"10|1"});
    EXPECT_FALSE(node->Publish().has_value()) << "hiding is no change";
    node->SyncAll();  // Does what a start of the node does.
    node->Settle();
    EXPECT_EQ(Hidden(node), Strings{"10|1"});
    EXPECT_FALSE(node->Publish().has_value());
  }
  // A third node gets the hidden row from a repair.
  ApplyNode three(kFamily, 3, Hiding());
  three.Apply(*one_.Repair({}));
  EXPECT_EQ(Hidden(&three), Strings{"10|1"});
  three.App("INSERT INTO p VALUES(1, 'back')");
  OrphanStats stats;
  three.Settle(&stats);
  EXPECT_EQ(stats.shown, 1);
  EXPECT_EQ(Children(&three), (Strings{"10|1|NULL", "11|NULL|'x'"}));
  EXPECT_EQ(one_.ApplyFrom(&three).orphans.shown, 1);
  EXPECT_EQ(Children(&one_), Children(&three));
  EXPECT_EQ(Hidden(&one_), Strings{});
}

TEST_F(OrphanTest, ItKeepsItsUniqueValue) {
  one_.App("INSERT INTO c VALUES(1, NULL, 'x')");
  two_.FollowClockOf(&one_);
  two_.App("INSERT INTO c VALUES(2, 7, 'x')");  // This row is newer and lacks a parent.
  one_.ApplyFrom(&two_);
  EXPECT_EQ(Children(&one_), Strings{});
  EXPECT_EQ(Hidden(&one_), (Strings{"1|0", "2|1"}));
  // To the application the orphan's value looks free. The row it inserts is the newest, so it gets
  // the value, and the orphan loses it.
  one_.App("INSERT INTO c VALUES(3, NULL, 'x')");
  one_.Settle();
  EXPECT_EQ(Children(&one_), Strings{"3|NULL|'x'"});
  EXPECT_EQ(Hidden(&one_), (Strings{"1|0", "2|0"}));
  one_.App("INSERT INTO p VALUES(7, 'p'); DELETE FROM c WHERE id = 3");
  one_.Settle();
  EXPECT_EQ(Children(&one_), Strings{"2|7|'x'"});
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Children(&two_), Children(&one_));
}

TEST_F(OrphanTest, AnOlderRowDoesNotSlipIntoTheValueOfAnOrphan) {
  two_.App("INSERT INTO c VALUES(1, NULL, 'x')");
  one_.FollowClockOf(&two_);
  one_.App("INSERT INTO c VALUES(2, 7, 'x')");
  one_.Settle();
  EXPECT_EQ(Hidden(&one_), Strings{"2|1"});
  one_.ApplyFrom(&two_);
  EXPECT_EQ(Children(&one_), Strings{});
  EXPECT_EQ(Hidden(&one_), (Strings{"1|0", "2|1"}));
  // The orphan gives up its value, so the older row is visible at last.
  one_.App("INSERT INTO c VALUES(2, NULL, 'y')");
  one_.Settle();
  EXPECT_EQ(Children(&one_), (Strings{"1|NULL|'x'", "2|NULL|'y'"}));
}

TEST_F(OrphanTest, AParentThatLostAUniqueValueHidesItsChildren) {
  const char* sql =
      "CREATE TABLE p(id INTEGER PRIMARY KEY, name UNIQUE);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p)";
  ApplyNode a(sql, 1, Hiding());
  ApplyNode b(sql, 2, Hiding());
  a.App("INSERT INTO p VALUES(1, 'x'); INSERT INTO c VALUES(1, 1)");
  b.FollowClockOf(&a);
  b.App("INSERT INTO p VALUES(2, 'x'); INSERT INTO c VALUES(2, 2)");
  a.ApplyFrom(&b);
  EXPECT_EQ(Children(&a), Strings{"2|2"});
  a.App("UPDATE p SET name = 'y'");
  a.Settle();
  EXPECT_EQ(Children(&a), (Strings{"1|1", "2|2"}));
}

TEST_F(OrphanTest, WhatWasThereBeforeIsJudgedAndSwitchingOffShowsAll) {
  ApplyNode node(
      "CREATE TABLE p(id INTEGER PRIMARY KEY); "
      "CREATE TABLE c(id PRIMARY KEY, p INTEGER REFERENCES p);"
      "INSERT INTO c VALUES(1, 9), (2, NULL), (NULL, 9)",
      1);
  EXPECT_EQ(Children(&node), (Strings{"NULL|9", "1|9", "2|NULL"}));
  node.tables = Hiding();
  node.SyncAll();
  node.Settle();
  EXPECT_EQ(Children(&node), (Strings{"NULL|9", "2|NULL"}))
      << "a row with NULL in its key is nobody's business";
  EXPECT_EQ(Hidden(&node), Strings{"1|1"});
  node.tables = {};
  node.SyncAll();
  node.Settle();
  EXPECT_EQ(Children(&node), (Strings{"NULL|9", "1|9", "2|NULL"}));
}

TEST_F(OrphanTest, ForeignKeysThatAreNotJudged) {
  ApplyNode node(
      "CREATE TABLE p(id INTEGER PRIMARY KEY, g AS (id + 1));"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, a REFERENCES nowhere, b REFERENCES p(absent),"
      " d REFERENCES p(g), e REFERENCES local)",
      1, Hiding());
  EXPECT_TRUE(node.catalog.references.empty());
  node.App("INSERT INTO c VALUES(1, 1, 1, 1, 1)");
  node.Settle();
  EXPECT_EQ(Children(&node), Strings{"1|1|1|1|1"});
}

TEST_F(OrphanTest, ACascadeIsNotDoneTwice) {
  one_.App("INSERT INTO p VALUES(1, 'p'); INSERT INTO c VALUES(10, 1, NULL)");
  two_.ApplyFrom(&one_);
  two_.App("INSERT INTO c VALUES(11, 1, NULL)");
  one_.App("PRAGMA foreign_keys = ON; DELETE FROM p WHERE id = 1");
  two_.ApplyFrom(&one_);
  // Row 10 went with the cascade. Row 11, which the cascade had not seen, is an orphan.
  EXPECT_EQ(Children(&two_), Strings{});
  EXPECT_EQ(Hidden(&two_), Strings{"11|1"});
}

TEST_F(OrphanTest, ListedHiddenOrNot) {
  ApplyNode shown(kFamily, 3);
  for (ApplyNode* node : {&one_, &shown}) {
    node->App("INSERT INTO c VALUES(10, 7, 'x')");
    node->Settle();
    const auto list = Listed(node);
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].kind, "orphan");
    EXPECT_EQ(list[0].missing, "p id=7");
    EXPECT_EQ(list[0].hidden, node == &one_);
    EXPECT_EQ(list[0].loser.image->values.size(), 3u);
  }
  EXPECT_EQ(Listed(&one_)[0].id, Listed(&shown)[0].id);
}

TEST_F(OrphanTest, TheCensusCountsInPieces) {
  ApplyNode shown(
      std::string(kFamily) +
          "; INSERT INTO p VALUES(1, 'p');"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7000)"
          "INSERT INTO c SELECT i, i % 2, NULL FROM n",
      3);
  ledger::OrphanCensus census;
  census.Reset(&shown.db, &shown.catalog, &shown.clock);
  int steps = 0;
  while (!sqlite::Must(census.Step(1)) && steps < 50) ++steps;
  EXPECT_EQ(census.count(), 3500);
  EXPECT_GE(steps, 4);
  shown.clock.monotonic_ms += 600'000;
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(sqlite::Must(census.Step(1))) << "nothing was written";
  shown.App("INSERT INTO p VALUES(0, 'q')");
  for (int i = 0; i < 20 && !sqlite::Must(census.Step(2)); ++i) continue;
  EXPECT_EQ(census.count(), 0);
}

}  // namespace
}  // namespace harmonylite::apply
