#include "apply/app_triggers.h"

#include <gtest/gtest.h>

#include "apply/apply_test_util.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kSearch =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, title UNIQUE, body);"
    "CREATE VIRTUAL TABLE search USING fts5(title, body, content='t', content_rowid='id');"
    "CREATE TRIGGER t_ai AFTER INSERT ON t BEGIN"
    "  INSERT INTO search(rowid, title, body) VALUES(new.id, new.title, new.body); END;"
    "CREATE TRIGGER t_ad AFTER DELETE ON t BEGIN"
    "  INSERT INTO search(search, rowid, title, body)"
    "    VALUES('delete', old.id, old.title, old.body); END;"
    "CREATE TRIGGER IF NOT EXISTS main.\"t au\" AFTER UPDATE ON t BEGIN"
    "  INSERT INTO search(search, rowid, title, body)"
    "    VALUES('delete', old.id, old.title, old.body);"
    "  INSERT INTO search(rowid, title, body) VALUES(new.id, new.title, new.body); END;";

Strings Find(ApplyNode* node, const std::string& word) {
  return node->Query("SELECT rowid FROM search WHERE search MATCH '" + word + "' ORDER BY rowid");
}
void ExpectSound(ApplyNode* node) {
  node->App("INSERT INTO search(search, rank) VALUES('integrity-check', 1)");
}

TEST(AppTriggersTest, SearchFindsRowsOfOtherNodes) {
  ApplyNode one(kSearch, 1);
  ApplyNode two(kSearch, 2);
  EXPECT_TRUE(two.warnings.empty());
  one.App("INSERT INTO t VALUES(1, 'first', 'apple pear'), (2, 'second', 'pear plum')");
  two.ApplyFrom(&one);
  EXPECT_EQ(Find(&two, "pear"), (Strings{"1", "2"}));
  one.App("UPDATE t SET body = 'cherry' WHERE id = 1");
  two.ApplyFrom(&one);
  EXPECT_EQ(Find(&two, "apple"), Strings{});
  EXPECT_EQ(Find(&two, "cherry"), Strings{"1"});
  one.App("DELETE FROM t WHERE id = 2");
  two.ApplyFrom(&one);
  EXPECT_EQ(Find(&two, "plum"), Strings{});
  // When two rows swap unique values, the applier deletes and inserts them again.
  one.App(
      "INSERT INTO t VALUES(2, 'second', 'kiwi'); BEGIN; UPDATE t SET title = NULL WHERE id = 1;"
      "UPDATE t SET title = 'first' WHERE id = 2; UPDATE t SET title = 'second' WHERE id = 1;"
      "COMMIT");
  two.ApplyFrom(&one);
  EXPECT_EQ(Find(&two, "first"), Strings{"2"});
  EXPECT_EQ(Find(&two, "second"), Strings{"1"});
  one.App("UPDATE t SET id = 10 WHERE id = 1; REPLACE INTO t VALUES(11, 'first', 'lime')");
  two.ApplyFrom(&one);
  EXPECT_EQ(Find(&two, "kiwi OR lime OR cherry"), (Strings{"10", "11"}));
  ExpectSound(&two);
  EXPECT_EQ(two.Rows(), one.Rows());
  EXPECT_FALSE(two.Publish().has_value());
}

TEST(AppTriggersTest, WhatTriggersDidToReplicatedTablesIsNotRepeated) {
  const char* sql =
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
      "CREATE TABLE audit(id INTEGER PRIMARY KEY, what);"
      "CREATE TRIGGER note AFTER INSERT ON t BEGIN"
      "  INSERT INTO audit(what) VALUES('insert ' || NEW.id); END;"
      "CREATE TRIGGER touch AFTER UPDATE OF a ON t BEGIN"
      "  UPDATE t SET a = a || '+' WHERE id = NEW.id; END;";
  ApplyNode one(sql, 1);
  ApplyNode two(sql, 2);
  EXPECT_TRUE(two.warnings.empty());
  one.App("INSERT INTO t VALUES(1, 'x')");
  two.ApplyFrom(&one);
  one.App("UPDATE t SET a = 'y'");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT * FROM audit"), Strings{"1|'insert 1'"});
  EXPECT_EQ(two.Query("SELECT * FROM t"), Strings{"1|'y+'"});
  EXPECT_EQ(two.Rows(), one.Rows());
}

TEST(AppTriggersTest, ATableThatIsNotReplicatedIsFedOnEveryNode) {
  schema::LoadOptions options;
  options.include = [](const std::string& table) { return table == "t"; };
  const char* sql =
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE seen(what);"
      "CREATE TRIGGER note AFTER INSERT ON t WHEN NEW.a > 5 BEGIN"
      "  INSERT INTO seen VALUES(NEW.id); END;"
      "CREATE TRIGGER noted BEFORE UPDATE OF a ON t BEGIN"
      "  INSERT INTO seen VALUES(OLD.a || '>' || NEW.a); END;";
  ApplyNode one(sql, 1, options);
  ApplyNode two(sql, 2, options);
  one.App("INSERT INTO t VALUES(1, 3), (2, 9)");
  two.ApplyFrom(&one);
  one.App("UPDATE t SET a = 4 WHERE id = 1");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT what FROM seen"), (Strings{"2", "'3>4'"}));
}

TEST(AppTriggersTest, ATriggerThatDoesBothIsNamedAndDoesNotRun) {
  schema::LoadOptions options;
  options.include = [](const std::string& table) { return table != "seen"; };
  const char* sql =
      "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE u(id INTEGER PRIMARY KEY);"
      "CREATE TABLE seen(what); CREATE TRIGGER both AFTER INSERT ON t BEGIN"
      "  INSERT INTO seen VALUES(1); INSERT INTO u VALUES(NEW.id); END;";
  ApplyNode one(sql, 1, options);
  ApplyNode two(sql, 2, options);
  ASSERT_EQ(two.warnings.size(), 1u);
  EXPECT_NE(two.warnings[0].find("both"), std::string::npos);
  one.App("INSERT INTO t VALUES(7)");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT * FROM u"), Strings{"7"});
  EXPECT_EQ(two.Query("SELECT * FROM seen"), Strings{});
}

TEST(AppTriggersTest, TriggersThatRefuseDoNotRefuseRowsOfOthers) {
  const char* sql =
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
      "CREATE TRIGGER strict BEFORE INSERT ON t WHEN NEW.a < 0 BEGIN"
      "  SELECT RAISE(ABORT, 'negative'); END;";
  ApplyNode one("CREATE TABLE t(id INTEGER PRIMARY KEY, a)", 1);
  ApplyNode two(sql, 2);
  EXPECT_FALSE(two.app.Exec("INSERT INTO t VALUES(1, -1)").ok());
  one.App("INSERT INTO t VALUES(1, -1)");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Rows(), one.Rows());
}

TEST(AppTriggersTest, TriggersThatCannotBeCompiledAreNamed) {
  ApplyNode one("CREATE TABLE t(id INTEGER PRIMARY KEY)", 1);
  ApplyNode two(
      "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE TABLE local(x);"
      "CREATE TRIGGER own AFTER INSERT ON t BEGIN INSERT INTO local VALUES(mine(1)); END;",
      2);
  ASSERT_EQ(two.warnings.size(), 1u);
  EXPECT_NE(two.warnings[0].find("mine"), std::string::npos);
  one.App("INSERT INTO t VALUES(1)");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Rows(), one.Rows());
}

constexpr const char* kSeen =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE seen(what);"
    "CREATE TRIGGER note AFTER INSERT ON t BEGIN INSERT INTO seen VALUES(NEW.id); END;";

schema::LoadOptions WithoutSeen() {
  schema::LoadOptions options;
  options.include = [](const std::string& table) { return table != "seen"; };
  return options;
}

// What a forged trigger text must not bring about: it does not run, it is named, and rows arrive.
void ExpectNamedAndOff(const std::string& update) {
  ApplyNode one("CREATE TABLE t(id INTEGER PRIMARY KEY, a)", 1);
  ApplyNode two(kSeen, 2, WithoutSeen());
  EXPECT_TRUE(two.warnings.empty());
  two.App("CREATE TABLE canary(a)");
  sqlite::ForgeSchema(&two.app, "UPDATE sqlite_schema SET " + update + " WHERE name = 'note'");
  two.SyncAll();
  ASSERT_EQ(two.warnings.size(), 1u) << update;
  EXPECT_NE(two.warnings[0].find("trigger note"), std::string::npos) << two.warnings[0];
  one.App("INSERT INTO t VALUES(1, 2)");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT id FROM t"), Strings{"1"});
  EXPECT_EQ(two.Query("SELECT * FROM seen"), Strings{}) << update;
  EXPECT_EQ(two.Query("SELECT count(*) FROM canary"), Strings{"0"});
}

TEST(AppTriggersTest, WhatStandsBehindAStoredTextDoesNotRun) {
  ExpectNamedAndOff("sql = sql || '; DROP TABLE canary'");
  ExpectNamedAndOff("sql = sql || '; INSERT INTO canary VALUES(1);'");
  ExpectNamedAndOff("sql = sql || ' -- ' || char(10) || ' ; ATTACH ''/nowhere/x'' AS y'");
}

TEST(AppTriggersTest, AStoredTextThatBeginsInAnotherWayIsNoReasonToEnd) {
  ExpectNamedAndOff("sql = 'create  trigger ' || substr(sql, 16)");
  ExpectNamedAndOff("sql = 'CREATE' || char(10) || 'TRIGGER ' || substr(sql, 16)");
}

TEST(AppTriggersTest, ATriggerDoesNotWriteToHiddenTables) {
  ApplyNode one("CREATE TABLE t(id INTEGER PRIMARY KEY, a)", 1);
  ApplyNode two(kSeen, 2, WithoutSeen());
  two.App(
      "DROP TRIGGER note; CREATE TRIGGER note AFTER INSERT ON t BEGIN INSERT INTO seen VALUES(1);"
      " DELETE FROM __harmonylite__state WHERE key = 'nothing'; END");
  two.SyncAll();
  ASSERT_EQ(two.warnings.size(), 1u);
  EXPECT_NE(two.warnings[0].find("tables of HarmonyLite"), std::string::npos);
  one.App("INSERT INTO t VALUES(1, 2)");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Query("SELECT * FROM seen"), Strings{});
}

// RAISE(IGNORE) in a trigger that runs would leave out the row.
TEST(AppTriggersTest, ATriggerThatWritesAndCanRefuseDoesNotRun) {
  ApplyNode one("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)", 1);
  ApplyNode two(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE); CREATE TABLE seen(what);"
      "CREATE TRIGGER note BEFORE INSERT ON t BEGIN INSERT INTO seen VALUES(1);"
      " SELECT RAISE(IGNORE); END",
      2, WithoutSeen());
  ASSERT_EQ(two.warnings.size(), 1u);
  EXPECT_NE(two.warnings[0].find("RAISE"), std::string::npos);
  one.App("INSERT INTO t VALUES(1, 2), (2, 3); UPDATE t SET a = 4 WHERE id = 1");
  two.ApplyFrom(&one);
  EXPECT_EQ(two.Rows(), one.Rows());
  EXPECT_EQ(two.Query("SELECT count(*) FROM t"), Strings{"2"});
}

TEST(AppTriggersTest, TriggersComeAndGoWithTheSchema) {
  ApplyNode one(kSearch, 1);
  ApplyNode two("CREATE TABLE t(id INTEGER PRIMARY KEY, title UNIQUE, body)", 2);
  one.App("INSERT INTO t VALUES(1, 'a', 'apple')");
  two.ApplyFrom(&one);
  two.App(std::string(kSearch).substr(std::string(kSearch).find("CREATE VIRTUAL")));
  two.App("INSERT INTO search(search) VALUES('rebuild')");
  two.SyncAll();
  one.App("INSERT INTO t VALUES(2, 'b', 'banana')");
  two.ApplyFrom(&one);
  EXPECT_EQ(Find(&two, "apple OR banana"), (Strings{"1", "2"}));
  two.App("DROP TRIGGER t_ai; DROP TRIGGER t_ad; DROP TRIGGER \"t au\"");
  two.SyncAll();
  one.App("INSERT INTO t VALUES(3, 'c', 'coconut')");
  two.ApplyFrom(&one);
  EXPECT_EQ(Find(&two, "coconut"), Strings{});
  EXPECT_EQ(two.Rows(), one.Rows());
}

}  // namespace
}  // namespace harmonylite::apply
