// Tests that rows that lose a unique value are kept, come back, and are never taken for deleted.
#include <gtest/gtest.h>

#include "apply/apply_test_util.h"
#include "capture/catalog_sync.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kUsers =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, email TEXT COLLATE NOCASE UNIQUE, v)";

class ShadowTest : public testing::Test {
 protected:
  // Lets `newer` take a unique value from the row that `older` wrote before, so that it shadows
  // that row.
  static void Shadow(ApplyNode* older, ApplyNode* newer, const std::string& old_row,
                     const std::string& new_row) {
    older->App("INSERT INTO t VALUES(" + old_row + ")");
    newer->FollowClockOf(older);
    newer->App("INSERT INTO t VALUES(" + new_row + ")");
    newer->ApplyFrom(older);
  }
  static Strings Rows(ApplyNode* node) { return node->Query("SELECT * FROM t ORDER BY 1"); }
  static Strings Shadowed(ApplyNode* node) {
    return node->Query("SELECT k1, b1 FROM __harmonylite__s1 ORDER BY 1");
  }
  ApplyNode one_{kUsers, 1};
  ApplyNode two_{kUsers, 2};
};

TEST_F(ShadowTest, TheOlderRowIsKeptAndComesBack) {
  Shadow(&one_, &two_, "1, 'a@x', 'old'", "2, 'A@X', 'new'");
  EXPECT_EQ(Rows(&two_), Strings{"2|'A@X'|'new'"});
  EXPECT_EQ(Shadowed(&two_), Strings{"1|2"});
  const ApplyStats stats = one_.ApplyFrom(&two_);
  EXPECT_EQ(stats.shadows.hidden, 1);
  EXPECT_EQ(Rows(&one_), Rows(&two_));
  EXPECT_EQ(Shadowed(&one_), Shadowed(&two_));
  // Shadowing is not a write, so neither node has anything to publish.
  EXPECT_FALSE(one_.Publish().has_value());
  EXPECT_FALSE(two_.Publish().has_value());
  two_.App("DELETE FROM t WHERE id = 2");
  EXPECT_EQ(two_.Settle().shown, 1);
  one_.ApplyFrom(&two_);
  for (ApplyNode* node : {&one_, &two_}) {
    EXPECT_EQ(Rows(node), Strings{"1|'a@x'|'old'"});
    EXPECT_EQ(Shadowed(node), Strings{});
  }
}

TEST_F(ShadowTest, OneComesBackAndTakesFromAThird) {
  const char* sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b UNIQUE)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  a.App("INSERT INTO t VALUES(1, NULL, 'y')");
  b.FollowClockOf(&a);
  b.App("INSERT INTO t VALUES(2, 'x', 'y')");
  const auto middle = b.Publish();
  a.FollowClockOf(&b);
  a.App("INSERT INTO t VALUES(3, 'x', NULL)");
  a.Apply(*middle);
  EXPECT_EQ(Rows(&a), (Strings{"1|NULL|'y'", "3|'x'|NULL"}));
  a.App("DELETE FROM t WHERE id = 3");
  const ShadowStats stats = a.Settle();
  EXPECT_EQ(stats.shown, 1);
  EXPECT_EQ(stats.hidden, 1);
  EXPECT_EQ(Rows(&a), Strings{"2|'x'|'y'"});
  EXPECT_EQ(Shadowed(&a), Strings{"1|2"});
}

TEST_F(ShadowTest, ARowOutsideAPartialIndexClashesWithNothingInIt) {
  const char* sql =
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b);"
      "CREATE UNIQUE INDEX j ON t(b) WHERE a IS NOT 'out'";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  a.App("INSERT INTO t VALUES(1, 'out', 7), (2, 'in', 7), (3, NULL, NULL)");
  b.FollowClockOf(&a);
  b.App("INSERT INTO t VALUES(4, 'out', 7), (5, NULL, NULL)");
  a.ApplyFrom(&b);
  EXPECT_EQ(Rows(&a), (Strings{"2|'in'|7", "3|NULL|NULL", "4|'out'|7", "5|NULL|NULL"}));
  EXPECT_EQ(Shadowed(&a), Strings{"1|4"});
}

TEST_F(ShadowTest, ALocalWriteOfTheSameKeyReplacesTheShadowedRow) {
  Shadow(&one_, &two_, "1, 'x', 'old'", "2, 'x', 'new'");
  two_.App("UPDATE t SET v = 'seen' WHERE id = 1");  // Row 1 is shadowed, so this changes nothing.
  two_.App("INSERT INTO t VALUES(1, 'free', 'again')");
  two_.Settle();
  EXPECT_EQ(Shadowed(&two_), Strings{});
  one_.ApplyFrom(&two_);
  EXPECT_EQ(Rows(&one_), (Strings{"1|'free'|'again'", "2|'x'|'new'"}));
}

TEST_F(ShadowTest, InsertedAgainAndDeletedItIsGone) {
  Shadow(&one_, &two_, "1, 'x', 'old'", "2, 'x', 'new'");
  two_.App(
      "INSERT INTO t VALUES(1, 'free', 'again'); DELETE FROM t WHERE id = 1;"
      "DELETE FROM t WHERE id = 2");
  two_.Settle();
  EXPECT_EQ(Shadowed(&two_), Strings{});
  one_.ApplyFrom(&two_);
  EXPECT_EQ(Rows(&one_), Strings{});
  EXPECT_EQ(Rows(&two_), Strings{});
}

TEST_F(ShadowTest, AForeignDeleteRemovesIt) {
  Shadow(&one_, &two_, "1, 'x', 'old'", "2, 'x', 'new'");
  one_.App("DELETE FROM t WHERE id = 1");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Shadowed(&two_), Strings{});
  two_.App("DELETE FROM t WHERE id = 2");
  two_.Settle();
  EXPECT_EQ(Rows(&two_), Strings{});
}

TEST_F(ShadowTest, OwnRowsAreSentFromTheShadow) {
  two_.App("INSERT INTO t VALUES(2, 'x', 'old')");
  one_.FollowClockOf(&two_);
  one_.App("INSERT INTO t VALUES(1, 'x', 'new')");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(Shadowed(&two_), Strings{"2|1"});
  ApplyNode three(kUsers, 3);
  ApplyNode four(kUsers, 4);
  three.Apply(*two_.Repair({}));
  four.Apply(*two_.Publish());
  EXPECT_EQ(Rows(&four), Strings{"2|'x'|'old'"});
  four.Apply(*two_.Repair({}));
  for (ApplyNode* node : {&three, &four}) {
    EXPECT_EQ(Rows(node), Strings{"1|'x'|'new'"});
    EXPECT_EQ(Shadowed(node), Strings{"2|1"});
  }
}

TEST_F(ShadowTest, FoldingAPartDecidesNothing) {
  Shadow(&one_, &two_, "1, 'x', 'old'", "2, 'x', 'new'");
  two_.FoldAll();
  // Row 2 gives up its value, and a newer local row takes it at once, so row 1 stays shadowed.
  two_.App("DELETE FROM t WHERE id = 2; INSERT INTO t VALUES(3, 'x', 'newest')");
  two_.FoldSome(1);
  EXPECT_EQ(Shadowed(&two_), Strings{"1|NULL"});
  two_.Settle();
  EXPECT_EQ(Shadowed(&two_), Strings{"1|3"});
  EXPECT_EQ(Rows(&two_), Strings{"3|'x'|'newest'"});
}

TEST_F(ShadowTest, AnIndexThatIsDroppedBringsThemBack) {
  const char* sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE UNIQUE INDEX i ON t(a)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  Shadow(&a, &b, "1, 'x'", "2, 'x'");
  EXPECT_EQ(Shadowed(&b), Strings{"1|2"});
  b.App("DROP INDEX i");
  b.SyncAll();
  b.Settle();
  EXPECT_EQ(Rows(&b), (Strings{"1|'x'", "2|'x'"}));
  EXPECT_FALSE(b.Publish()->rows > 1);
  b.SyncAll();
  EXPECT_EQ(b.Query("SELECT 1 FROM sqlite_schema WHERE name LIKE '%\\_s1%' ESCAPE '\\'"),
            Strings{});
}

TEST_F(ShadowTest, AnIndexThatOneNodeHasFirst) {
  const char* sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, a)";
  ApplyNode with(sql, 1);
  ApplyNode without(sql, 2);
  with.App("CREATE UNIQUE INDEX i ON t(a)");
  with.SyncAll();
  without.App("INSERT INTO t VALUES(1, 'x'), (2, 'x')");
  with.ApplyFrom(&without);
  EXPECT_EQ(Rows(&with), Strings{"2|'x'"});
  EXPECT_EQ(Shadowed(&with), Strings{"1|2"});
  EXPECT_EQ(Rows(&without).size(), 2u);
}

TEST_F(ShadowTest, ARebuiltTableKeepsThemAndTakesThemForNothingElse) {
  Shadow(&one_, &two_, "1, 'x', 'old'", "2, 'x', 'new'");
  two_.Publish();
  two_.FoldAll();
  two_.App(
      "BEGIN; CREATE TABLE n(id INTEGER PRIMARY KEY, email TEXT COLLATE NOCASE UNIQUE, v);"
      "INSERT INTO n SELECT * FROM t; DROP TABLE t; ALTER TABLE n RENAME TO t; COMMIT");
  const capture::SyncResult sync = two_.SyncAll();
  EXPECT_EQ(sync.audits.size(), 1u);
  two_.Settle();
  // The audit journals nothing: it takes neither the shadowed row for deleted nor the visible one
  // for written.
  EXPECT_FALSE(two_.Publish().has_value());
  EXPECT_EQ(Shadowed(&two_), Strings{"1|2"});
}

TEST_F(ShadowTest, TriggersOfTheApplicationSeeRowsGoAndComeBack) {
  const std::string sql =
      std::string(kUsers) + ";" +
      "CREATE VIRTUAL TABLE f USING fts5(v);"
      "CREATE TRIGGER ai AFTER INSERT ON t BEGIN "
      "INSERT INTO f(rowid, v) VALUES(NEW.id, NEW.v); END;"
      "CREATE TRIGGER ad AFTER DELETE ON t BEGIN DELETE FROM f WHERE rowid = OLD.id; END;"
      "CREATE TRIGGER au AFTER UPDATE ON t BEGIN UPDATE f SET v = NEW.v WHERE rowid = OLD.id; END;";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  Shadow(&a, &b, "1, 'x', 'old'", "2, 'x', 'new'");
  EXPECT_EQ(b.Query("SELECT rowid FROM f"), Strings{"2"});
  a.ApplyFrom(&b);
  EXPECT_EQ(a.Query("SELECT rowid FROM f WHERE f MATCH 'old OR new'"), Strings{"2"});
  b.App("DELETE FROM t");
  b.Settle();
  a.ApplyFrom(&b);
  for (ApplyNode* node : {&a, &b})
    EXPECT_EQ(node->Query("SELECT rowid FROM f WHERE f MATCH 'old OR new'"), Strings{"1"});
}

TEST_F(ShadowTest, ConflictClausesOfTheSchemaRemoveNothing) {
  const char* sql =
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE ON CONFLICT REPLACE,"
      "  b UNIQUE ON CONFLICT IGNORE)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  Shadow(&a, &b, "1, 'x', NULL", "2, 'x', NULL");
  a.App("INSERT INTO t VALUES(3, NULL, 'y')");
  b.FollowClockOf(&a);
  b.App("INSERT INTO t VALUES(4, NULL, 'y')");
  b.ApplyFrom(&a);
  a.ApplyFrom(&b);
  for (ApplyNode* node : {&a, &b}) {
    EXPECT_EQ(Rows(node), (Strings{"2|'x'|NULL", "4|NULL|'y'"}));
    EXPECT_EQ(Shadowed(node), (Strings{"1|2", "3|4"}));
  }
}

TEST_F(ShadowTest, ARowThatStaysLocalIsNotTakenAway) {
  const char* sql = "CREATE TABLE t(k TEXT PRIMARY KEY, u UNIQUE)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  b.App("INSERT INTO t VALUES(NULL, 'x')");
  a.FollowClockOf(&b);
  a.App("INSERT INTO t VALUES('k', 'x')");
  b.ApplyFrom(&a);
  EXPECT_EQ(b.Query("SELECT * FROM t"), Strings{"NULL|'x'"});
  EXPECT_EQ(Shadowed(&b), Strings{"'k'|NULL"});
  b.App("DELETE FROM t");
  b.Settle();
  EXPECT_EQ(b.Query("SELECT * FROM t"), Strings{"'k'|'x'"});
}

TEST_F(ShadowTest, CleanupLeavesNoTrace) {
  Shadow(&one_, &two_, "1, 'x', 'old'", "2, 'x', 'new'");
  two_.Write([&] { sqlite::Must(ledger::RemoveAll(&two_.db)); });
  EXPECT_EQ(two_.Query("SELECT name FROM sqlite_schema WHERE name LIKE '%harmonylite%'"),
            Strings{});
}

TEST_F(ShadowTest, ATableThatGetsAnotherKeyForgetsThem) {
  Shadow(&one_, &two_, "1, 'x', 'old'", "2, 'x', 'new'");
  two_.App("DROP TABLE t; CREATE TABLE t(id TEXT PRIMARY KEY, email UNIQUE, v)");
  two_.SyncAll();
  EXPECT_EQ(two_.Query("SELECT count(*) FROM sqlite_schema WHERE name = '__harmonylite__s1'"),
            Strings{"0"});
}

}  // namespace
}  // namespace harmonylite::apply
