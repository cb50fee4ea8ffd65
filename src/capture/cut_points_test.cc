#include "capture/cut_points.h"

#include <gtest/gtest.h>

#include "capture/batch_reader.h"
#include "capture/capture_test_util.h"
#include "capture/journal.h"

namespace harmonylite::capture {
namespace {

using sqlite::Must;

class CutPointsTest : public testing::Test {
 protected:
  // Runs one transaction of the application, lets the watch see it, and returns where the journal
  // ended.
  Lseq Commit(const std::string& sql) {
    node.App("BEGIN; " + sql + "; COMMIT");
    cuts.Look();
    return node.newest();
  }
  Lseq Choose(Lseq published, int64_t limit) {
    return Must(cuts.Choose(&node.db, node.catalog, published, node.newest(), limit));
  }

  TestNode node{
      "CREATE TABLE a(k INTEGER PRIMARY KEY, v);"
      "CREATE TABLE n(k TEXT COLLATE NOCASE PRIMARY KEY NOT NULL, v) WITHOUT ROWID;"
      "CREATE TABLE u(k INTEGER PRIMARY KEY, v UNIQUE)"};
  sqlite::Connection watch{Must(sqlite::Connection::Open(node.path, sqlite::OpenMode::kReadOnly))};
  CutPoints cuts{&watch};
  const Lseq start{node.newest()};
};

TEST_F(CutPointsTest, ABacklogIsCutBetweenTransactionsAtMostLimitEntriesLong) {
  const Lseq first = Commit("INSERT INTO a VALUES(1, 1), (2, 2)");
  const Lseq second = Commit("INSERT INTO a VALUES(3, 3), (4, 4)");
  const Lseq third = Commit("INSERT INTO a VALUES(5, 5), (6, 6)");
  EXPECT_EQ(Choose(start, 2), first);
  EXPECT_EQ(Choose(start, 3), first);
  EXPECT_EQ(Choose(start, 4), second);
  EXPECT_EQ(Choose(start, 1), first) << "a transaction is never cut";
  EXPECT_EQ(Choose(start, 100), third);
  EXPECT_EQ(Choose(first, 2), second);
  EXPECT_EQ(Choose(second, 1), third);
}

TEST_F(CutPointsTest, NoRowIsOnBothSides) {
  const Lseq first = Commit("INSERT INTO a VALUES(1, 1), (2, 2)");
  const Lseq second = Commit("INSERT INTO a VALUES(3, 3)");
  EXPECT_EQ(Choose(start, 1), first);
  const Lseq third = Commit("UPDATE a SET v = 9 WHERE k = 2");
  const Lseq fourth = Commit("INSERT INTO a VALUES(4, 4)");
  EXPECT_EQ(Choose(start, 1), third) << "row 2 is told as it is after the third transaction";
  EXPECT_EQ(Choose(third, 1), fourth);
  EXPECT_NE(third, second);
}

TEST_F(CutPointsTest, SpellingsThatACollationHoldsEqualAreOneRow) {
  Commit("INSERT INTO n VALUES('Ab', 1)");
  const Lseq second = Commit("UPDATE n SET k = 'aB', v = 2");
  Commit("INSERT INTO n VALUES('c', 1)");
  EXPECT_EQ(Choose(start, 1), second);
}

TEST_F(CutPointsTest, ARowThatMayHaveBeenDisplacedCounts) {
  const Lseq before = Commit("INSERT INTO u VALUES(1, 'x')");
  Commit("INSERT OR REPLACE INTO u VALUES(2, 'x')");
  const Lseq after = Commit("DELETE FROM u WHERE k = 1; INSERT INTO u VALUES(1, 'y')");
  EXPECT_EQ(Choose(before, 1), after);
}

TEST_F(CutPointsTest, WhatTheWatchDidNotSeeIsNoPlace) {
  node.App("INSERT INTO a VALUES(1, 1)");
  node.App("INSERT INTO a VALUES(2, 2)");
  EXPECT_EQ(Choose(start, 1), node.newest());
}

TEST_F(CutPointsTest, PublishingMayGoBack) {
  const Lseq first = Commit("INSERT INTO a VALUES(1, 1)");
  const Lseq second = Commit("INSERT INTO a VALUES(2, 2)");
  const Lseq third = Commit("INSERT INTO a VALUES(3, 3)");
  EXPECT_EQ(Choose(first, 1), second);
  const Lseq fourth = Commit("UPDATE a SET v = 2 WHERE k = 1");
  EXPECT_EQ(Choose(second, 1), third);
  EXPECT_EQ(Choose(start, 1), fourth) << "row 1 is on both sides of every other place";
}

TEST_F(CutPointsTest, PartsOfABatchAreTheWhole) {
  for (int i = 1; i <= 50; ++i)
    Commit("INSERT INTO a VALUES(" + std::to_string(i) +
           ", 0); UPDATE a SET v = v + 1 WHERE k = " + std::to_string(i / 3));
  sqlite::Connection read = Must(sqlite::Connection::Open(node.path, sqlite::OpenMode::kReadOnly));
  sqlite::Connection eye = Must(sqlite::Connection::Open(node.path, sqlite::OpenMode::kReadOnly));
  BatchReader whole(&read, {{}, false, node.dir.path()});
  const auto batch = Must(whole.ReadChanges(start));
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->to, node.newest());
  EXPECT_EQ(batch->rows, 50u);

  BatchReader reader(&read, {{}, false, node.dir.path()}, &eye);
  uint64_t rows = 0;
  int parts = 0;
  Lseq published = start;
  for (int i = 51; i <= 100; ++i) {
    node.App("INSERT INTO a VALUES(" + std::to_string(i) + ", 0)");
    reader.LookForCommits();
  }
  while (const auto part = Must(reader.ReadChanges(published, 10))) {
    rows += part->rows;
    published = part->to;
    EXPECT_EQ(part->to_stamp, Must(StampOf(&read, part->to)));
    ++parts;
  }
  EXPECT_EQ(rows, 100u);
  EXPECT_GE(parts, 5) << "the second half at least is cut";
}

}  // namespace
}  // namespace harmonylite::capture
