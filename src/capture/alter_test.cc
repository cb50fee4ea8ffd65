// The application changes its schema. The triggers must never be the reason for an error, and no
// change may go unseen.
#include <gtest/gtest.h>

#include "capture/capture_test_util.h"
#include "capture/catalog_sync.h"

namespace harmonylite::capture {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kTable =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b UNIQUE, c, \"d e\", f);"
    "CREATE UNIQUE INDEX by_c ON t(lower(c)) WHERE f > 0;"
    "CREATE UNIQUE INDEX by_d ON t(\"d e\" COLLATE NOCASE, f);"
    "INSERT INTO t VALUES(1, 1, 1, 'C', 'D', 1), (2, 2, 2, 'CC', 'DD', 1);";

// Each parameter is a schema change that works without HarmonyLite. Every kind of write follows it,
// before and after the sidecar has noticed the change.
class AlterTest : public testing::TestWithParam<const char*> {};

TEST_P(AlterTest, NeverFailsAndNothingGoesUnseen) {
  TestNode node(kTable);
  const int64_t id = node.catalog.tables[0].id;
  node.App(GetParam());
  for (int round = 0; round < 2; ++round) {
    const std::string name =
        sqlite::Must(node.app.QueryText("SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                        "name NOT LIKE '%harmonylite%'"));
    const std::string t = sqlite::Quote(name);
    const Strings column = sqlite::Query(&node.app,
                                         "SELECT group_concat('\"' || name || '\"', ',') FROM "
                                         "pragma_table_info(" +
                                             sqlite::TextLiteral(name) + ")");
    const std::string columns = column[0].substr(1, column[0].size() - 2);
    node.Do("INSERT INTO " + t + " DEFAULT VALUES");
    node.Do("REPLACE INTO " + t + "(" + columns + ") SELECT " + columns + " FROM " + t);
    node.Do("UPDATE OR REPLACE " + t + " SET rowid = rowid + 10");
    node.Do("DELETE FROM " + t + " WHERE rowid % 2");
    const SyncResult sync = node.Sync();
    EXPECT_EQ(sync.catalog.tables.size(), 1u);
    EXPECT_EQ(sync.catalog.tables[0].id, id) << "keeps its number";
    for (const CatalogChange& change : sync.changes)
      EXPECT_EQ(change.what.find("sent as new writes"), std::string::npos) << change.what;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Statements, AlterTest,
    testing::Values(
        "ALTER TABLE t ADD COLUMN g DEFAULT 'g'", "ALTER TABLE t ADD COLUMN g AS (a || 'x')",
        "ALTER TABLE t DROP COLUMN a", "ALTER TABLE t RENAME COLUMN a TO \"a a\"",
        "ALTER TABLE t RENAME COLUMN id TO \"key\"", "ALTER TABLE t RENAME COLUMN b TO \"b.b\"",
        "ALTER TABLE t RENAME COLUMN c TO \"select\"", "ALTER TABLE t RENAME COLUMN \"d e\" TO d",
        "ALTER TABLE t RENAME COLUMN f TO \"g;h\"", "ALTER TABLE t RENAME TO \"t t\"",
        "ALTER TABLE t RENAME TO \"größe\"\"\"; "
        "ALTER TABLE \"größe\"\"\" RENAME COLUMN id TO x",
        "ALTER TABLE t RENAME TO u; ALTER TABLE u RENAME COLUMN c TO v; "
        "ALTER TABLE u DROP COLUMN a; ALTER TABLE u ADD COLUMN w",
        "DROP INDEX by_d; ALTER TABLE t DROP COLUMN \"d e\"",
        "BEGIN; DROP INDEX by_c; ALTER TABLE t DROP COLUMN c; COMMIT",
        "BEGIN; DROP INDEX by_c; DROP INDEX by_d; ALTER TABLE t DROP COLUMN f; COMMIT",
        "DROP INDEX by_c", "DROP INDEX by_d; CREATE UNIQUE INDEX by_d ON t(\"d e\")"));

// Rows are still looked up through the indexes that are left, whatever the key and the index.
TEST(AlterTest, AUniqueIndexAndItsColumnAreDroppedInOneBreath) {
  // A table, and a column of its key besides `id` with its value.
  struct Form {
    std::string table;
    std::string column;
    std::string value;
  };
  for (const Form& form :
       {Form{"CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL COLLATE NOCASE, a, b, g AS (b + 1))", "",
             ""},
        Form{"CREATE TABLE t(id INTEGER, n TEXT, a, b, g AS (b + 1), PRIMARY KEY(id, n)) WITHOUT "
             "ROWID",
             "n, ", "'n', "},
        Form{"CREATE TABLE t(id INT UNIQUE NOT NULL, a, b, g AS (b + 1))", "", ""}})
    for (const std::string terms : {"b", "b COLLATE NOCASE, a", "a + b", "a) WHERE (b > 0", "g"}) {
      SCOPED_TRACE(form.table + " " + terms);
      TestNode node(form.table + "; CREATE UNIQUE INDEX by_a ON t(a); CREATE UNIQUE INDEX i ON t(" +
                    terms + ")");
      const std::string whole = " INTO t(" + form.column + "id, a, b) VALUES(" + form.value;
      const std::string left = " INTO t(" + form.column + "id, a) VALUES(" + form.value;
      node.Do("INSERT" + whole + "1, 1, 1)");
      node.Do("INSERT" + whole + "2, 2, 2)");
      EXPECT_EQ(node.Do("REPLACE" + whole + "3, 1, 1)").size(), 2u);
      node.App(
          "BEGIN; DROP INDEX i; ALTER TABLE t DROP COLUMN g; ALTER TABLE t DROP COLUMN b; COMMIT");
      EXPECT_EQ(node.Do("REPLACE" + left + "4, 2)").size(), 2u);
      EXPECT_EQ(node.Do("UPDATE OR REPLACE t SET a = 2 WHERE id = 3").size(), 2u);
      node.Sync();
      EXPECT_EQ(node.Do("REPLACE" + left + "5, 2)").size(), 2u);
    }
}

TEST(AlterLimitTest, LegacyRenameOfATableWithUniqueIndexes) {
  // With legacy_alter_table SQLite does not change the bodies of triggers. For a table without
  // UNIQUE indexes beside its key that does not matter.
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  node.App("PRAGMA legacy_alter_table = ON; ALTER TABLE t RENAME TO u");
  node.Do("INSERT INTO u VALUES(1, 1)");
  node.Sync();
  node.Do("INSERT INTO u VALUES(2, 1)");
}

TEST(AlterTest, AUniqueIndexMadeAndUsedInOneBreath) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  node.App("INSERT INTO t VALUES(1, 'x'), (2, 'y')");
  node.FoldAll();
  // No trigger knows the index yet, but the audit in the next sync finds the displaced row.
  node.App("CREATE UNIQUE INDEX i ON t(a); REPLACE INTO t VALUES(3, 'x')");
  const Lseq from = node.newest();
  node.Sync();
  EXPECT_EQ(node.Net(from), (RowsByKey{{"t:1", "gone"}}));
}

TEST(AlterTest, ATriggerSomebodyDroppedComesBackWithAnAudit) {
  for (const char* kind : {"insert", "update", "update_key", "delete"}) {
    SCOPED_TRACE(kind);
    TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    node.App("INSERT INTO t VALUES(1, 1), (2, 2), (3, 3)");
    node.FoldAll();
    const Lseq from = node.newest();
    const std::string trigger = ledger::TriggerName(node.catalog.tables[0].id, kind);
    node.App("DROP TRIGGER " + trigger);
    node.App(
        "INSERT INTO t VALUES(4, 4); UPDATE t SET a = 9 WHERE id = 1;"
        "UPDATE t SET id = 7 WHERE id = 2; DELETE FROM t WHERE id = 3");
    node.Sync();
    EXPECT_EQ(
        node.Net(from),
        (RowsByKey{
            {"t:1", "1|9"}, {"t:2", "gone"}, {"t:3", "gone"}, {"t:4", "4|4"}, {"t:7", "7|2"}}));
    node.Do("UPDATE t SET id = id + 100, a = NULL");
    node.Do("DELETE FROM t");
  }
}

// The application's trigger is newer than ours, fires first, and ends the triggers after it.
TEST(AlterTest, ATriggerThatIgnoresWhatFollowsComesAfterOurs) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  node.App(
      "CREATE TRIGGER quiet AFTER INSERT ON T BEGIN SELECT RAISE(IGNORE); END;"
      "INSERT INTO t VALUES(1, 'unseen')");
  const SyncResult sync = node.Sync();
  ASSERT_EQ(sync.changes.size(), 2u);
  EXPECT_EQ(sync.changes[0].what, "has its triggers written anew");
  EXPECT_EQ(sync.changes[1].what,
            "had 1 rows written while it had no triggers: they are sent as new writes");
  EXPECT_EQ(node.Do("INSERT INTO t VALUES(2, 'seen')"), (RowsByKey{{"t:2", "2|'seen'"}}));
  EXPECT_TRUE(node.Sync().changes.empty()) << "ours are the newer ones now";
}

TEST(AlterTest, RebuiltInOneTransaction) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a, old)");
  const int64_t id = node.catalog.tables[0].id;
  node.App("INSERT INTO t VALUES(1, 'x', 1), (2, 'y', 1), (3, 'z', 1)");
  node.FoldAll();
  const Lseq from = node.newest();
  const Strings versions = node.Query("SELECT * FROM " + ledger::VersionTableName(id));
  node.App(
      "BEGIN; CREATE TABLE new(id INTEGER PRIMARY KEY, a TEXT, old, extra);"
      "INSERT INTO new(id, a, old) SELECT id, a, old FROM t; DROP TABLE t;"
      "ALTER TABLE new RENAME TO t; COMMIT");
  const SyncResult sync = node.Sync();
  EXPECT_EQ(sync.catalog.tables[0].id, id);
  EXPECT_EQ(node.Net(from), RowsByKey{}) << "a migration is no new write";
  EXPECT_EQ(node.Query("SELECT * FROM " + ledger::VersionTableName(id)), versions);
  node.Do("INSERT INTO t VALUES(4, 'new', 1, 2)");
}

TEST(AlterTest, RebuiltWithOtherRows) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  node.App("INSERT INTO t VALUES(1, 'x'), (2, 'y'), (3, 'z')");
  node.FoldAll();
  const Lseq from = node.newest();
  // While the table has no triggers, row 1 stays, 2 is changed, 3 is deleted and 4 is inserted.
  node.App(
      "BEGIN; CREATE TABLE new(id INTEGER PRIMARY KEY, a);"
      "INSERT INTO new SELECT * FROM t; DROP TABLE t; ALTER TABLE new RENAME TO t;"
      "UPDATE t SET a = 'changed' WHERE id = 2; DELETE FROM t WHERE id = 3;"
      "INSERT INTO t VALUES(4, 'w'); COMMIT");
  node.Sync();
  EXPECT_EQ(node.Net(from), (RowsByKey{{"t:2", "2|'changed'"}, {"t:3", "gone"}, {"t:4", "4|'w'"}}));
}

TEST(AlterTest, RowsFromBeforeUsAreNotSentBecauseOfARebuild) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES(1, 'x')");
  const Lseq from = node.newest();
  node.App(
      "BEGIN; CREATE TABLE new(id INTEGER PRIMARY KEY, a); INSERT INTO new SELECT * FROM t;"
      "DROP TABLE t; ALTER TABLE new RENAME TO t; COMMIT");
  node.Sync();
  EXPECT_EQ(node.Net(from), RowsByKey{});
}

TEST(AlterTest, DroppedAndMadeAgain) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  const int64_t id = node.catalog.tables[0].id;
  node.App("INSERT INTO t VALUES(1, 'x'), (2, 'y')");
  node.FoldAll();
  node.App("DROP TABLE t");
  EXPECT_TRUE(node.Sync().catalog.tables.empty());
  node.App("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES(2, 'new')");
  const Lseq from = node.newest();
  EXPECT_EQ(node.Sync().catalog.tables[0].id, id);
  EXPECT_EQ(node.Net(from), (RowsByKey{{"t:1", "gone"}, {"t:2", "2|'new'"}}));
}

TEST(AlterTest, AnotherKey) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, k TEXT NOT NULL)");
  const int64_t id = node.catalog.tables[0].id;
  node.App("INSERT INTO t VALUES(1, 'x')");
  node.FoldAll();
  node.App(
      "BEGIN; CREATE TABLE new(id, k TEXT PRIMARY KEY); INSERT INTO new SELECT * FROM t;"
      "DROP TABLE t; ALTER TABLE new RENAME TO t; COMMIT");
  const Lseq from = node.newest();
  const SyncResult sync = node.Sync();
  EXPECT_GT(sync.catalog.tables[0].id, id) << "numbers are not used twice";
  EXPECT_EQ(node.Net(from), (RowsByKey{{"t:'x'", "1|'x'"}}));
  EXPECT_EQ(node.Query("SELECT count(*) FROM sqlite_schema WHERE name = '" +
                       ledger::VersionTableName(id) + "'"),
            Strings{"0"});
  node.Do("UPDATE t SET k = 'y'");
}

TEST(AlterTest, ATableWithRowsThatIsNew) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  node.App(
      "CREATE TABLE u(k TEXT PRIMARY KEY, l); INSERT INTO u VALUES('a', 1), (NULL, 2);"
      "CREATE TABLE wide(a, b, c, PRIMARY KEY(a, b, c)); CREATE TABLE nokey(a)");
  EXPECT_FALSE(sqlite::Must(LoadCatalog(&node.db, node.tables)).complete);
  const Lseq from = node.newest();
  const SyncResult sync = node.Sync();
  EXPECT_EQ(sync.catalog.tables.size(), 4u);
  EXPECT_EQ(sync.catalog.skipped.size(), 0u);
  EXPECT_TRUE(sqlite::Must(LoadCatalog(&node.db, node.tables)).complete);
  EXPECT_EQ(node.Net(from), (RowsByKey{{"u:'a'", "'a'|1"}}));
  node.Do("INSERT INTO wide VALUES(1, 2, 3)");
  EXPECT_TRUE(node.Sync().changes.empty()) << "said once";
}

TEST(AlterTest, TablesTradeTheirNames) {
  TestNode node("CREATE TABLE a(id INTEGER PRIMARY KEY, x); CREATE TABLE b(k TEXT PRIMARY KEY)");
  const int64_t a = node.catalog.ByName("a")->id;
  const int64_t b = node.catalog.ByName("b")->id;
  node.App("ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b");
  const SyncResult sync = node.Sync();
  EXPECT_EQ(sync.catalog.ByName("b")->id, a);
  EXPECT_EQ(sync.catalog.ByName("a")->id, b);
  node.Do("INSERT INTO a VALUES('k'); INSERT INTO b VALUES(1, 1)");
}

}  // namespace
}  // namespace harmonylite::capture
