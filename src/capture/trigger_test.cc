// Tests what the capture triggers journal, for every way in which an application may write.
#include <gtest/gtest.h>

#include "capture/capture_test_util.h"

namespace harmonylite::capture {
namespace {

using Strings = std::vector<std::string>;

TEST(TriggerTest, InsertUpdateDelete) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  EXPECT_EQ(node.Do("INSERT INTO t VALUES(1, 'x'), (2, 'y')"),
            (RowsByKey{{"t:1", "1|'x'"}, {"t:2", "2|'y'"}}));
  EXPECT_EQ(node.Do("UPDATE t SET a = 'z' WHERE id = 2"), (RowsByKey{{"t:2", "2|'z'"}}));
  EXPECT_EQ(node.Do("DELETE FROM t WHERE id = 1"), (RowsByKey{{"t:1", "gone"}}));
  EXPECT_EQ(node.Do("INSERT INTO t(a) VALUES('auto')"), (RowsByKey{{"t:3", "3|'auto'"}}));
  // SQLite's truncate optimisation, which fires no triggers, must not apply here.
  EXPECT_EQ(node.Do("DELETE FROM t").size(), 2u);
  EXPECT_EQ(node.Do("BEGIN; INSERT INTO t VALUES(9, 9); ROLLBACK"), RowsByKey{});
  EXPECT_EQ(node.Do("BEGIN; INSERT INTO t VALUES(9, 9); DELETE FROM t; COMMIT"),
            (RowsByKey{{"t:9", "gone"}}));
  EXPECT_EQ(node.Do("BEGIN; INSERT INTO t VALUES(5, 5); SAVEPOINT s; INSERT INTO t VALUES(6, 6);"
                    "ROLLBACK TO s; COMMIT"),
            (RowsByKey{{"t:5", "5|5"}}));
}

// Runs the same statements on a table with each kind of key.
class KeyKindTest : public testing::TestWithParam<const char*> {};

TEST_P(KeyKindTest, EveryStatementIsTold) {
  TestNode node(GetParam());
  node.Do("INSERT INTO t(k, a) VALUES('a', 1), ('b', 2), ('c', 3)");
  node.Do("UPDATE t SET a = a + 1");
  node.Do("UPDATE t SET k = 'd' WHERE k = 'a'");
  node.Do("UPDATE t SET k = upper(k) || ' ' WHERE k = 'b'");
  node.Do("INSERT OR REPLACE INTO t(k, a) VALUES('c', 7), ('e', 8)");
  node.Do("INSERT INTO t(k, a) VALUES('e', 9) ON CONFLICT DO UPDATE SET a = 10");
  node.Do("INSERT OR IGNORE INTO t(k, a) VALUES('e', 11), ('f', 12)");
  node.Do("UPDATE OR REPLACE t SET k = 'f' WHERE k = 'e'");
  node.Do("UPDATE t SET k = k || 'x'");
  node.Do("DELETE FROM t WHERE a > 5");
  node.Do("DELETE FROM t");
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, KeyKindTest,
    testing::Values("CREATE TABLE t(k TEXT PRIMARY KEY, a)",
                    "CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY COLLATE NOCASE, a)",
                    "CREATE TABLE t(k TEXT PRIMARY KEY COLLATE RTRIM, a)",
                    "CREATE TABLE t(a, k TEXT PRIMARY KEY) WITHOUT ROWID",
                    "CREATE TABLE t(k ANY PRIMARY KEY, a INT) STRICT",
                    "CREATE TABLE t(k, a, b DEFAULT 5, PRIMARY KEY(b, k COLLATE NOCASE))",
                    "CREATE TABLE t(k NOT NULL UNIQUE, a)",
                    "CREATE TABLE t(a, k NOT NULL); CREATE UNIQUE INDEX i ON t(k DESC)",
                    "CREATE TABLE t(k INTEGER PRIMARY KEY DESC, a)",
                    "CREATE TABLE t(k TEXT PRIMARY KEY, a, g AS (a * 2), UNIQUE(g, k))"));

TEST(TriggerTest, AUniqueIndexMayReadNoColumn) {
  TestNode node("CREATE TABLE t(k TEXT PRIMARY KEY, a)");
  node.App("CREATE UNIQUE INDEX one_row ON t((1))");
  node.Sync();
  node.Do("INSERT OR REPLACE INTO t VALUES('a', 1)");
  node.Do("INSERT OR REPLACE INTO t VALUES('b', 2)");
}

TEST(TriggerTest, ReplaceDisplacesThroughAUniqueIndex) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE, b, c, UNIQUE(b, c))");
  node.Do("INSERT INTO t VALUES(1, 1, 1, 1), (2, 2, 2, 2), (3, 3, NULL, 3), (4, NULL, NULL, 3)");
  EXPECT_EQ(node.Do("INSERT OR REPLACE INTO t VALUES(9, 1, 2, 2)"),
            (RowsByKey{{"t:1", "gone"}, {"t:2", "gone"}, {"t:9", "9|1|2|2"}}));
  EXPECT_EQ(node.Do("REPLACE INTO t VALUES(10, NULL, NULL, 3)").size(), 1u);
  EXPECT_EQ(node.Do("UPDATE OR REPLACE t SET a = 1 WHERE id = 3"),
            (RowsByKey{{"t:9", "gone"}, {"t:3", "3|1|NULL|3"}}));
  // One statement writes many rows, which also displace each other.
  node.Do(
      "INSERT OR REPLACE INTO t SELECT value, value / 2, 1, value % 3 FROM "
      "(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT 20) "
      "SELECT value FROM n)");
  node.Do("UPDATE OR REPLACE t SET b = 2, c = id % 2");
  EXPECT_EQ(node.Do("INSERT OR IGNORE INTO t SELECT id + 100, a, b, c FROM t WHERE a IS NOT NULL"),
            RowsByKey{});
}

TEST(TriggerTest, ReplaceThroughPartialAndExpressionIndexes) {
  TestNode node(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, mail TEXT, \"is live\" INT, n REAL);"
      "CREATE UNIQUE INDEX i ON t(lower(mail) COLLATE RTRIM) WHERE \"is live\" > 0;"
      "CREATE UNIQUE INDEX j ON t(n + 0, substr(mail, 1, 1) COLLATE NOCASE);");
  node.Do("INSERT INTO t VALUES(1, 'Ann', 1, 1), (2, 'ANN', 0, 2), (3, 'Bob', 1, 3)");
  EXPECT_EQ(node.Do("INSERT OR REPLACE INTO t VALUES(4, 'ann  ', 1, 4)"),
            (RowsByKey{{"t:1", "gone"}, {"t:4", "4|'ann  '|1|real:4"}}));
  EXPECT_EQ(node.Do("UPDATE OR REPLACE t SET \"is live\" = 1 WHERE id = 2"),
            (RowsByKey{{"t:4", "gone"}, {"t:2", "2|'ANN'|1|real:2"}}));
  EXPECT_EQ(node.Do("INSERT OR REPLACE INTO t VALUES(5, 'bill', 0, 3)"),
            (RowsByKey{{"t:3", "gone"}, {"t:5", "5|'bill'|0|real:3"}}));
}

TEST(TriggerTest, ReplaceThroughUniqueOfATableWithoutRowid) {
  TestNode node(
      "CREATE TABLE t(k TEXT, l, u UNIQUE COLLATE NOCASE, PRIMARY KEY(k, l)) "
      "WITHOUT ROWID");
  node.Do("INSERT INTO t VALUES('a', 1, 'x'), ('b', 2, 'y')");
  EXPECT_EQ(node.Do("REPLACE INTO t VALUES('c', 3, 'X')"),
            (RowsByKey{{"t:'a'|1", "gone"}, {"t:'c'|3", "'c'|3|'X'"}}));
}

TEST(TriggerTest, ReplaceThroughAGeneratedColumn) {
  TestNode node(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a, g AS (lower(a)) UNIQUE,"
      " s AS (a || '!') STORED UNIQUE)");
  node.Do("INSERT INTO t(id, a) VALUES(1, 'X'), (2, 'Y')");
  EXPECT_EQ(node.Do("REPLACE INTO t(id, a) VALUES(3, 'x')"),
            (RowsByKey{{"t:1", "gone"}, {"t:3", "3|'x'"}}));
  EXPECT_EQ(node.Do("UPDATE OR REPLACE t SET a = 'x' WHERE id = 2"),
            (RowsByKey{{"t:3", "gone"}, {"t:2", "2|'x'"}}));
}

// SQLite leaves columns that an UPDATE neither sets nor shows to a BEFORE trigger NULL when it
// computes a generated column for that trigger.
TEST(TriggerTest, ReplaceThroughAGeneratedColumnOfWhatIsNotUpdated) {
  TestNode node(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, g AS (a || b) UNIQUE);"
      "CREATE UNIQUE INDEX i ON t(lower(g))");
  node.Do("INSERT INTO t(id, a, b) VALUES(1, 'x', 1), (2, 'x', 2)");
  EXPECT_EQ(node.Do("UPDATE OR REPLACE t SET b = 1 WHERE id = 2"),
            (RowsByKey{{"t:1", "gone"}, {"t:2", "2|'x'|1"}}));
}

TEST(TriggerTest, DisplacedRowsCountOnlyWhenGone) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)");
  node.Do("INSERT INTO t VALUES(1, 'x')");
  const Lseq from = node.newest();
  EXPECT_EQ(node.Do("INSERT OR IGNORE INTO t VALUES(2, 'x')"), RowsByKey{});
  EXPECT_GT(node.newest().value, from.value);
  // Row 1 is displaced and comes back in the same transaction.
  EXPECT_EQ(node.Do("BEGIN; REPLACE INTO t VALUES(2, 'x'); REPLACE INTO t VALUES(1, 'x'); COMMIT"),
            (RowsByKey{{"t:1", "1|'x'"}, {"t:2", "gone"}}));
}

TEST(TriggerTest, RecursiveTriggers) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)");
  node.App("PRAGMA recursive_triggers = ON");
  node.Do("INSERT INTO t VALUES(1, 'x'), (2, 'y')");
  EXPECT_EQ(node.Do("REPLACE INTO t VALUES(3, 'x')"),
            (RowsByKey{{"t:1", "gone"}, {"t:3", "3|'x'"}}));
  node.Do("UPDATE OR REPLACE t SET a = 'y'");
}

TEST(TriggerTest, ForeignKeyActions) {
  TestNode node(
      "CREATE TABLE p(id INTEGER PRIMARY KEY);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);"
      "CREATE TABLE n(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE SET NULL);");
  node.App("PRAGMA foreign_keys = ON");
  node.Do(
      "INSERT INTO p VALUES(1), (2); INSERT INTO c VALUES(1, 1), (2, 1), (3, 2);"
      "INSERT INTO n VALUES(1, 1)");
  EXPECT_EQ(node.Do("DELETE FROM p WHERE id = 1"),
            (RowsByKey{{"c:1", "gone"}, {"c:2", "gone"}, {"n:1", "1|NULL"}, {"p:1", "gone"}}));
  EXPECT_EQ(node.Do("UPDATE p SET id = 5"),
            (RowsByKey{{"c:3", "3|5"}, {"p:2", "gone"}, {"p:5", "5"}}));
}

// The row that an update replaces takes the updated row with it: SQLite gives the update up.
TEST(TriggerTest, AnUpdateThatRemovesItsOwnRow) {
  TestNode tree("CREATE TABLE t(id INTEGER PRIMARY KEY, parent REFERENCES t ON DELETE CASCADE)");
  tree.App("PRAGMA foreign_keys = ON");
  tree.Do("INSERT INTO t VALUES(1, NULL), (2, 1), (3, 2)");
  EXPECT_EQ(tree.Do("UPDATE OR REPLACE t SET id = 1 WHERE id = 3"),
            (RowsByKey{{"t:1", "gone"}, {"t:2", "gone"}, {"t:3", "gone"}}));
  EXPECT_EQ(tree.Do("INSERT INTO t VALUES(1, NULL); UPDATE t SET parent = NULL"),
            (RowsByKey{{"t:1", "1|NULL"}}));
  EXPECT_EQ(tree.Do("UPDATE t SET id = 7"), (RowsByKey{{"t:1", "gone"}, {"t:7", "7|NULL"}}));

  TestNode trigger(
      "CREATE TABLE p(k TEXT COLLATE NOCASE PRIMARY KEY, a);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE SET NULL);"
      "CREATE TRIGGER r AFTER UPDATE ON c BEGIN DELETE FROM p WHERE a = 2; END");
  trigger.App("PRAGMA foreign_keys = ON");
  trigger.Do("INSERT INTO p VALUES('a', 1), ('b', 2); INSERT INTO c VALUES(1, 'A')");
  EXPECT_EQ(trigger.Do("UPDATE OR REPLACE p SET k = 'A' WHERE k = 'b'"),
            (RowsByKey{{"c:1", "1|NULL"}, {"p:'a'", "gone"}, {"p:'b'", "gone"}}));
}

TEST(TriggerTest, TriggersOfTheApplicationAreTold) {
  TestNode node(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a); CREATE TABLE total(id INTEGER PRIMARY KEY, n);"
      "INSERT INTO total VALUES(1, 0);"
      "CREATE TRIGGER sum AFTER INSERT ON t BEGIN UPDATE total SET n = n + NEW.a; END;"
      "CREATE VIEW v AS SELECT * FROM t;"
      "CREATE TRIGGER on_v INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES(NEW.id, NEW.a); END;");
  EXPECT_EQ(node.Do("INSERT INTO v VALUES(1, 5)"), (RowsByKey{{"t:1", "1|5"}, {"total:1", "1|5"}}));
}

TEST(TriggerTest, NullInTheKeyStaysLocal) {
  TestNode node("CREATE TABLE t(k TEXT PRIMARY KEY, a)");
  EXPECT_EQ(node.Do("INSERT INTO t VALUES(NULL, 1), (NULL, 2), ('x', 3)"),
            (RowsByKey{{"t:'x'", "'x'|3"}}));
  EXPECT_EQ(node.Do("UPDATE t SET a = 9 WHERE k IS NULL"), RowsByKey{});
  EXPECT_EQ(node.Do("UPDATE t SET k = NULL WHERE k = 'x'"), (RowsByKey{{"t:'x'", "gone"}}));
  EXPECT_EQ(node.Do("UPDATE t SET k = 'y' WHERE rowid = 1"), (RowsByKey{{"t:'y'", "'y'|9"}}));
  EXPECT_EQ(node.Do("DELETE FROM t WHERE k IS NULL"), RowsByKey{});
  TestNode pair("CREATE TABLE t(k, l, u UNIQUE, PRIMARY KEY(k, l))");
  EXPECT_EQ(pair.Do("INSERT INTO t VALUES(1, NULL, 1), (NULL, 1, 2), (1, 1, 3)").size(), 1u);
  EXPECT_EQ(pair.Do("REPLACE INTO t VALUES(2, 2, 1), (3, 3, 3)").size(), 3u);
}

TEST(TriggerTest, AKeySpelledInAnotherWayIsTheSameRow) {
  TestNode node("CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, a)");
  node.Do("INSERT INTO t VALUES('a', 1)");
  EXPECT_EQ(node.Do("UPDATE t SET k = 'A'"), (RowsByKey{{"t:'a'", "'A'|1"}}));
  EXPECT_EQ(node.Do("REPLACE INTO t VALUES('a', 2)"), (RowsByKey{{"t:'a'", "'a'|2"}}));
}

TEST(TriggerTest, TablesWithoutKeyByPermission) {
  schema::LoadOptions options;
  options.allow_without_key = [](const std::string&) { return true; };
  TestNode node("CREATE TABLE t(a, b UNIQUE)", 1, options);
  node.Do("INSERT INTO t VALUES('x', 1), ('x', 2)");
  node.Do("UPDATE t SET a = 'y' WHERE rowid = 2");
  EXPECT_EQ(node.Do("REPLACE INTO t VALUES('z', 1)"),
            (RowsByKey{{"t:1", "gone"}, {"t:3", "3|'z'|1"}}));
  node.Do("UPDATE t SET rowid = 77 WHERE rowid = 3");
  node.Do("DELETE FROM t");
}

TEST(TriggerTest, KeysAreKeptBitForBit) {
  TestNode node("CREATE TABLE t(k ANY PRIMARY KEY, a INT) STRICT; CREATE TABLE u(k PRIMARY KEY)");
  EXPECT_EQ(node.Do("INSERT INTO t VALUES('007', 1), (7, 2), (x'30', 3), (0.5, 4), ('', 5)"),
            (RowsByKey{{"t:'007'", "'007'|1"},
                       {"t:7", "7|2"},
                       {"t:x'30'", "x'30'|3"},
                       {"t:real:0.5", "real:0.5|4"},
                       {"t:''", "''|5"}}));
  node.Do("DELETE FROM t WHERE k = '007'");
  node.Do("INSERT INTO u VALUES('007'), (7), (9223372036854775807), (x''), (1e300)");
  node.Do("UPDATE u SET k = '7' WHERE k = 7");
}

TEST(TriggerTest, UnderEverySetting) {
  TestNode node(
      "CREATE TABLE t(k TEXT PRIMARY KEY, u UNIQUE, e);"
      "CREATE UNIQUE INDEX i ON t(lower(e))");
  sqlite::DistrustSchema(&node.app);
  sqlite::UseDefensive(&node.app);
  sqlite::UseStrictQuotes(&node.app);
  node.App(
      "PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON; PRAGMA cell_size_check = ON;"
      "PRAGMA case_sensitive_like = ON; PRAGMA count_changes = ON; PRAGMA synchronous = FULL");
  node.Do("INSERT INTO t VALUES('a', 1, 'E'), ('b', 2, 'F')");
  node.Do("REPLACE INTO t VALUES('c', 1, 'f')");
  node.Do("UPDATE t SET k = k || 'x'");
  node.Do("DELETE FROM t");
}

TEST(TriggerTest, Utf16Databases) {
  for (const char* encoding : {"UTF-16le", "UTF-16be"}) {
    TestNode node("PRAGMA encoding = '" + std::string(encoding) +
                  "'; CREATE TABLE \"größe\"(k TEXT COLLATE NOCASE PRIMARY KEY, u UNIQUE)");
    EXPECT_EQ(node.Query("PRAGMA encoding"), Strings{"'" + std::string(encoding) + "'"});
    EXPECT_EQ(node.Do("INSERT INTO \"größe\" VALUES('ä😀', '表')"),
              (RowsByKey{{"größe:'ä😀'", "'ä😀'|'表'"}}));
    node.Do("REPLACE INTO \"größe\" VALUES('X', '表')");
    node.Do("UPDATE \"größe\" SET k = 'x', u = NULL");
    node.Do("DELETE FROM \"größe\"");
  }
}

TEST(TriggerTest, OddNames) {
  for (const char* name : {"a b", "a.b", "a;b", "a\"b", "a'b", "[a]", "`a`", "größe", "表", "on",
                           "-- a", "NEW", "OLD", "journal", "holder", "k1", "%s {}", "END"}) {
    const std::string q = sqlite::Quote(name);
    TestNode node("CREATE TABLE " + q + "(" + q + " TEXT PRIMARY KEY, \"u " + std::string("\"\"") +
                  "\" UNIQUE); CREATE UNIQUE INDEX i ON " + q + "(lower(" + q + "))");
    node.Do("INSERT INTO " + q + " VALUES('a', 1), ('b', 2)");
    node.Do("REPLACE INTO " + q + " VALUES('c', 1)");
    node.Do("UPDATE " + q + " SET " + q + " = 'd' WHERE " + q + " = 'b'");
    node.Do("DELETE FROM " + q);
  }
}

TEST(TriggerTest, TheApplicationsCountersStayAsTheyWere) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE)");
  node.App("INSERT INTO t VALUES(41, 'x')");
  node.App("REPLACE INTO t(a) VALUES('x')");
  EXPECT_EQ(node.app.last_insert_rowid(), 42);
  EXPECT_EQ(node.app.changes(), 1);
  EXPECT_EQ(node.Query("INSERT INTO t(a) VALUES('y') RETURNING id, a"), Strings{"43|'y'"});
}

}  // namespace
}  // namespace harmonylite::capture
