#include "capture/row_survey.h"

#include <gtest/gtest.h>

#include "capture/capture_test_util.h"

namespace harmonylite::capture {
namespace {

// Returns the number of rows that are not what their versions say.
int64_t Damaged(TestNode* node) {
  RowSurvey survey = sqlite::Must(
      RowSurvey::Begin(&node->db, node->tables, /*publishes=*/true, /*tombstones=*/true));
  int64_t damaged = 0;
  const bool done = sqlite::Must(survey.Visit(1'000, [&](const SurveyedRow& row) -> Status {
    damaged += row.damage != RowDamage::kNone;
    return Ok();
  }));
  EXPECT_TRUE(done);
  return damaged;
}

// A version keeps the spelling in which its key was first written, and the row has the newest one.
TEST(RowSurveyTest, ADeleteUnderAnotherSpellingIsKnownBeforeItIsFolded) {
  TestNode node(
      "CREATE TABLE t(name TEXT PRIMARY KEY COLLATE NOCASE, v); CREATE TABLE u(k PRIMARY KEY, v)");
  node.App("INSERT INTO t VALUES('ADA', 1); INSERT INTO u VALUES(1, 1)");
  node.FoldSome(100);
  node.App("UPDATE t SET name = 'ada'; UPDATE u SET k = 1.0");
  EXPECT_EQ(Damaged(&node), 0);
  node.FoldSome(100);
  EXPECT_EQ(Damaged(&node), 0);
  node.App("DELETE FROM t; DELETE FROM u");
  EXPECT_EQ(Damaged(&node), 0);
  node.FoldSome(100);
  EXPECT_EQ(Damaged(&node), 0);
}

TEST(RowSurveyTest, ARowThatIsGoneUnseenIsDamaged) {
  TestNode node("CREATE TABLE t(name TEXT PRIMARY KEY COLLATE NOCASE, v)");
  node.App("INSERT INTO t VALUES('ADA', 1), ('bob', 2)");
  node.FoldSome(100);
  node.app.EnableTriggers(false);
  node.App("DELETE FROM t WHERE name = 'ADA'");
  EXPECT_EQ(Damaged(&node), 1);
  node.app.EnableTriggers(true);
  node.App("DELETE FROM t WHERE name = 'bob'");
  EXPECT_EQ(Damaged(&node), 1);
}

}  // namespace
}  // namespace harmonylite::capture
