// Tables without a key: every row keeps its identity, whatever the application does, and the
// journal tells what changed.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "capture/capture_test_util.h"
#include "sqlite/vacuum.h"

namespace harmonylite::capture {
namespace {

constexpr const char* kTable = "CREATE TABLE t(a, b)";
constexpr const char* kIndexed = "CREATE TABLE t(a, b); CREATE INDEX by_a ON t(a)";

// The identity of each row, by the row's value of `a`, which the tests keep unique.
std::map<std::string, std::string> Identities(TestNode* node) {
  std::map<std::string, std::string> out;
  sqlite::Statement all = sqlite::Must(node->app.Prepare(
      "SELECT t.a, hex(m.k1) FROM t LEFT JOIN __harmonylite__m1 m ON m.local = t._rowid_"));
  while (sqlite::Must(all.Step())) out[std::string(all.Text(0))] = std::string(all.Text(1));
  return out;
}

// Returns how many rows of `before` are still there, and checks that they have the same identity.
size_t CheckKept(const std::map<std::string, std::string>& before,
                 const std::map<std::string, std::string>& after) {
  size_t kept = 0;
  for (const auto& [a, identity] : before) {
    const auto it = after.find(a);
    if (it == after.end()) continue;
    EXPECT_EQ(it->second, identity) << "of row " << a;
    ++kept;
  }
  return kept;
}

TEST(RowMapTest, JournalsEveryKindOfWrite) {
  TestNode node(kTable);
  EXPECT_TRUE(node.catalog.skipped.empty());
  EXPECT_EQ(node.Do("INSERT INTO t VALUES(1, 'x'), (1, 'x'), (2, 'y')").size(), 3u);
  EXPECT_EQ(node.Do("UPDATE t SET b = 'z' WHERE a = 1").size(), 2u);
  EXPECT_EQ(node.Do("DELETE FROM t WHERE _rowid_ = 1").size(), 1u);
  EXPECT_EQ(node.Do("INSERT OR REPLACE INTO t(_rowid_, a, b) VALUES(2, 9, 9), (7, 9, 9)").size(),
            2u);
  EXPECT_EQ(node.Do("UPDATE OR REPLACE t SET _rowid_ = 7 WHERE _rowid_ = 3").size(), 2u);
  node.Do("UPDATE t SET _rowid_ = _rowid_ + 100, b = 'moved'");
  node.Do("INSERT OR IGNORE INTO t SELECT * FROM t");
  node.Do("DELETE FROM t");
  EXPECT_EQ(node.Query("SELECT count(*) FROM __harmonylite__m1"), (std::vector<std::string>{"0"}));
}

TEST(RowMapTest, ARowKeepsItsIdentityWhenItsRowidChanges) {
  TestNode node(kTable);
  node.Do("INSERT INTO t VALUES('p', 1), ('q', 2), ('r', 3)");
  const auto before = Identities(&node);
  node.Do("UPDATE t SET _rowid_ = 50 - _rowid_");
  EXPECT_EQ(Identities(&node), before);
}

TEST(RowMapTest, AnyNameOfTheRowidThatIsFreeWillDo) {
  for (const char* sql : {"CREATE TABLE t(a, b, _rowid_)", "CREATE TABLE t(a, b, rowid, _rowid_)",
                          "CREATE TABLE t(a, b, \"OID\", \"_RowId_\")"}) {
    TestNode node(sql);
    EXPECT_EQ(node.Do("INSERT INTO t(a, b) VALUES(1, 2), (1, 2)").size(), 2u) << sql;
    EXPECT_EQ(node.Do("UPDATE t SET b = 3").size(), 2u) << sql;
    EXPECT_EQ(node.Do("DELETE FROM t").size(), 2u) << sql;
  }
}

TEST(RowMapTest, WhatCannotHaveIdentitiesStaysLocalWithAReason) {
  for (const char* sql : {"CREATE TABLE t(a, rowid, _rowid_, oid)",
                          "CREATE TABLE t(a, b); CREATE UNIQUE INDEX u ON t(a) WHERE b > 0"}) {
    TestNode node(sql);
    ASSERT_EQ(node.catalog.skipped.size(), 1u) << sql;
    EXPECT_NE(node.catalog.skipped[0].reason.find("has no key"), std::string::npos);
  }
}

class VacuumTest : public testing::TestWithParam<const char*> {};

TEST_P(VacuumTest, RowsKeepTheirIdentities) {
  TestNode node(GetParam());
  node.Do("INSERT INTO t VALUES('p', 1), ('q', 2), ('r', 3), ('s', 4)");
  node.Do("DELETE FROM t WHERE a = 'p'");
  node.FoldAll();
  const auto before = Identities(&node);
  const Lseq newest = node.newest();
  sqlite::Must(sqlite::Vacuum(&node.app));
  EXPECT_FALSE(sqlite::Must(LoadCatalog(&node.db, node.tables)).complete);
  const SyncResult sync = node.Sync();
  EXPECT_EQ(sync.catalog.schema_version, sqlite::Must(node.db.QueryInt("PRAGMA schema_version")));
  EXPECT_EQ(Identities(&node), before);
  EXPECT_EQ(node.newest(), newest) << "nothing was written";
  node.Do("UPDATE t SET b = 5 WHERE a = 'q'");
}

// The application goes on before the sidecar has seen that VACUUM has run.
TEST_P(VacuumTest, WritesBehindItAreFollowed) {
  TestNode node(GetParam());
  node.Do("INSERT INTO t VALUES('p', 1), ('q', 2), ('r', 3), ('s', 4)");
  node.Do("DELETE FROM t WHERE a = 'p'");
  node.FoldAll();
  const auto before = Identities(&node);
  const Lseq newest = node.newest();
  sqlite::Must(sqlite::Vacuum(&node.app));
  node.App("INSERT INTO t VALUES('v', 9)");
  node.App("UPDATE t SET b = 8 WHERE a = 'r'");
  node.App("DELETE FROM t WHERE a = 'q'");
  node.App("UPDATE t SET _rowid_ = 77 WHERE a = 's'");
  node.App("INSERT INTO t VALUES('w', 10)");
  node.Sync();
  const auto after = Identities(&node);
  EXPECT_EQ(after.at("r"), before.at("r"));
  const RowsByKey net = node.Net(newest);
  size_t gone = 0;
  for (const auto& [key, row] : net) gone += row == "gone";
  EXPECT_EQ(gone, 2u) << "q, and s where it was";
  EXPECT_EQ(net.size(), 6u) << "v, r, w and s besides";
}

INSTANTIATE_TEST_SUITE_P(Tables, VacuumTest, testing::Values(kTable, kIndexed));

TEST(RowMapTest, ARebuiltTableKeepsItsIdentities) {
  TestNode node(kTable);
  node.Do("INSERT INTO t VALUES('p', 1), ('q', 2), ('r', 3), ('s', 4)");
  node.Do("DELETE FROM t WHERE a = 'q'");
  const auto before = Identities(&node);
  node.App(
      "CREATE TABLE n(a, b, c); INSERT INTO n(a, b) SELECT a, b FROM t; DROP TABLE t;"
      "ALTER TABLE n RENAME TO t;");
  node.Sync();
  EXPECT_EQ(Identities(&node), before);
}

// Rows that are older than the triggers have identities that copies of the file agree on.
TEST(RowMapTest, OlderRowsAreKnownByTheirContent) {
  const std::string rows = "INSERT INTO t VALUES('p', 1), ('p', 1), ('q', NULL), ('p', 1.0)";
  const std::string sql = std::string(kTable) + ";" + rows;
  TestNode one(sql, 1);
  TestNode two(std::string("CREATE TABLE other(x PRIMARY KEY);") + kTable +
                   ";INSERT INTO t VALUES(0, 0); DELETE FROM t;" + rows,
               2);
  TestNode late("CREATE TABLE t2(x PRIMARY KEY)", 3);
  late.App(sql);
  late.Sync();
  const auto identities = one.Query("SELECT hex(k1) FROM __harmonylite__m1 ORDER BY 1");
  EXPECT_EQ(identities.size(), 4u);
  EXPECT_EQ(two.Query("SELECT hex(k1) FROM __harmonylite__m2 ORDER BY 1"), identities);
  EXPECT_EQ(late.Query("SELECT hex(k1) FROM __harmonylite__m2 ORDER BY 1"), identities);
  EXPECT_EQ(late.Net(Lseq(0)).size(), 4u) << "rows of a later table are new writes";
  EXPECT_EQ(one.Net(Lseq(0)).size(), 0u);
}

// Two rows change places while nobody watches, and one goes: no numbering explains that.
TEST(RowMapTest, WhatCannotBeFollowedIsSentByContent) {
  TestNode node(std::string(kTable) + "; INSERT INTO t VALUES('old', 0)");
  node.Do("INSERT INTO t VALUES('p', 1), ('q', 2), ('r', 3)");
  node.FoldAll();
  const auto before = Identities(&node);
  const Lseq newest = node.newest();
  node.App(
      "CREATE TABLE n(a, b); INSERT INTO n SELECT a, b FROM t WHERE a <> 'p' ORDER BY a;"
      "DROP TABLE t; ALTER TABLE n RENAME TO t;");
  const SyncResult sync = node.Sync();
  ASSERT_FALSE(sync.changes.empty());
  const auto after = Identities(&node);
  EXPECT_EQ(after.at("old"), before.at("old")) << "its identity is its content";
  const RowsByKey net = node.Net(newest);
  size_t gone = 0;
  for (const auto& [key, row] : net) gone += row == "gone";
  EXPECT_EQ(gone, 3u);
  EXPECT_EQ(net.size(), 5u);
}

// Follows what the journal tells after `from`, by identity.
void Follow(TestNode* node, Lseq from, RowsByKey* model) {
  for (const auto& [key, row] : node->Net(from)) {
    if (row == "gone")
      model->erase(key);
    else
      (*model)[key] = row;
  }
}

// An index that is made behind VACUUM says nothing about what VACUUM did; nor does one that was
// dropped for it.
TEST(RowMapTest, AnIndexThatComesAndGoesDeceivesNobody) {
  for (const bool indexed : {false, true}) {
    TestNode node(indexed ? kIndexed : kTable);
    RowsByKey model;
    node.Do("INSERT INTO t VALUES('A', 0), ('gone', 0), ('B', 0), ('D', 0)");
    node.Do("DELETE FROM t WHERE a = 'gone'");
    Follow(&node, Lseq(0), &model);
    node.FoldAll();
    const auto before = Identities(&node);
    const Lseq newest = node.newest();
    if (indexed) node.App("DROP INDEX by_a");
    sqlite::Must(sqlite::Vacuum(&node.app));
    node.App("INSERT INTO t VALUES('E', 0); DELETE FROM t WHERE a = 'B'");
    node.App("CREATE INDEX by_a ON t(a)");
    node.Sync();
    EXPECT_EQ(CheckKept(before, Identities(&node)), 2u);
    Follow(&node, newest, &model);
    EXPECT_EQ(model, node.Rows());
  }
}

// Rows that were never written have no hashes that an audit could compare.
TEST(RowMapTest, ASortedRebuildAndVacuumSwapNoIdentities) {
  TestNode node(std::string(kTable) + "; INSERT INTO t VALUES('C', 0), ('A', 0), ('B', 0)");
  const auto before = Identities(&node);
  node.App(
      "CREATE TABLE n(a, b); INSERT INTO n SELECT * FROM t ORDER BY a; DROP TABLE t;"
      "ALTER TABLE n RENAME TO t;");
  sqlite::Must(sqlite::Vacuum(&node.app));
  node.Sync();
  EXPECT_EQ(CheckKept(before, Identities(&node)), 3u);
}

TEST(RowMapTest, ARebuildThatAddsAColumnKeepsIdentities) {
  TestNode node(std::string(kTable) + "; INSERT INTO t VALUES('C', 0), ('A', 0), ('B', 0)");
  const auto before = Identities(&node);
  node.App(
      "CREATE TABLE n(a, b, c DEFAULT 1); INSERT INTO n(a, b) SELECT * FROM t; DROP TABLE t;"
      "ALTER TABLE n RENAME TO t;");
  node.Sync();
  EXPECT_EQ(CheckKept(before, Identities(&node)), 3u);
}

// Triggers that the application makes later fire first, and may delete the row that ours are about.
TEST(RowMapTest, ARowThatATriggerRejectsHasNoIdentity) {
  TestNode node(kTable);
  node.App(
      "CREATE TRIGGER reject AFTER INSERT ON t WHEN NEW.b < 0 BEGIN DELETE FROM t WHERE _rowid_ = "
      "NEW._rowid_; END; CREATE TRIGGER count AFTER UPDATE ON t WHEN NEW.b = 0 BEGIN DELETE FROM t "
      "WHERE _rowid_ = NEW._rowid_; END;");
  node.Sync();
  node.Do("INSERT INTO t VALUES('p', 1), ('q', -1), ('r', 2)");
  node.Do("UPDATE t SET b = b - 1");
  const auto before = Identities(&node);
  EXPECT_EQ(node.Query("SELECT count(*) FROM __harmonylite__m1"), (std::vector<std::string>{"1"}));
  sqlite::Must(sqlite::Vacuum(&node.app));
  node.App("INSERT INTO t VALUES('s', -1), ('t', 5)");
  node.Sync();
  EXPECT_EQ(CheckKept(before, Identities(&node)), 1u);
  EXPECT_EQ(node.Query("SELECT count(*) FROM __harmonylite__m1"), (std::vector<std::string>{"2"}));
}

TEST(RowMapTest, WhatIsWrittenWhileATableIsLeftOutIsFound) {
  for (const char* table : {"CREATE TABLE t(a, b)", "CREATE TABLE t(a PRIMARY KEY NOT NULL, b)"}) {
    std::set<std::string> excluded;
    schema::LoadOptions options;
    options.include = [&](const std::string& name) { return !excluded.contains(name); };
    TestNode node(table, 1, options);
    RowsByKey model;
    node.Do("INSERT INTO t VALUES('A', 0), ('B', 0), ('C', 0)");
    Follow(&node, Lseq(0), &model);
    node.FoldAll();
    const Lseq newest = node.newest();
    excluded.insert("t");
    node.Sync();
    node.App("UPDATE t SET b = 9 WHERE a = 'B'; DELETE FROM t WHERE a = 'A'");
    node.App("INSERT INTO t VALUES('D', 4)");
    excluded.clear();
    node.Sync();
    Follow(&node, newest, &model);
    EXPECT_EQ(model, node.Rows()) << table;
  }
}

// A row takes the content that another one began with, and its identity with it.
TEST(RowMapTest, AnIdentityThatMeansAnotherRowIsSentAgain) {
  TestNode node(std::string(kTable) + "; INSERT INTO t VALUES('p', 1), ('q', 2), ('r', 3)");
  node.Do("UPDATE t SET b = 9 WHERE a = 'p'");
  node.Do("UPDATE t SET a = 'p', b = 1 WHERE a = 'r'");
  node.FoldAll();
  const Lseq newest = node.newest();
  node.app.EnableTriggers(false);
  node.App("DELETE FROM t WHERE a = 'q'");
  node.app.EnableTriggers(true);
  sqlite::Must(sqlite::Vacuum(&node.app));
  RowsByKey model;
  Follow(&node, Lseq(0), &model);
  node.Sync();
  Follow(&node, newest, &model);
  EXPECT_EQ(model, node.Rows());
}

// What a history of random writes, VACUUMs and syncs journals is applied to a model, by identity.
TEST(RowMapTest, RandomHistoriesAreFollowed) {
  for (uint32_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    TestNode node(seed % 3 == 0 ? kIndexed : kTable);
    std::map<std::string, std::string> model;
    std::map<std::string, std::string> known;
    int next = 0;
    bool toggled = false;
    Lseq seen = node.newest();
    for (int step = 0; step < 60; ++step) {
      const std::string some = " WHERE _rowid_ % 4 = " + std::to_string(random() % 4);
      switch (random() % 10) {
        case 0:
        case 1:
        case 2:
          node.App("INSERT INTO t VALUES('" + std::to_string(next++) + "', 0)");
          break;
        case 3:
          node.App("UPDATE t SET b = b + 1" + some);
          break;
        case 4:
          node.App("DELETE FROM t" + some);
          break;
        case 5:
          sqlite::Must(sqlite::Vacuum(&node.app));
          break;
        case 6:
          if (sqlite::Must(LoadCatalog(&node.db, node.tables)).complete) node.FoldSome(3);
          break;
        case 7:
          node.App("INSERT OR REPLACE INTO t(_rowid_, a, b) VALUES(" +
                   std::to_string(random() % 20 + 1) + ", '" + std::to_string(next++) + "', 0)");
          break;
        case 8:
          node.App(random() % 2 == 0 ? "CREATE INDEX IF NOT EXISTS by_a ON t(a)"
                                     : "DROP INDEX IF EXISTS by_a");
          toggled = true;
          break;
        case 9: {
          node.Sync();
          Follow(&node, seen, &model);
          seen = node.newest();
          ASSERT_EQ(model, node.Rows());
          const auto now = Identities(&node);
          // Two VACUUMs may differ if an index came or went between them, which is not followed.
          if (!toggled) CheckKept(known, now);
          toggled = false;
          known = now;
        }
      }
    }
  }
}

}  // namespace
}  // namespace harmonylite::capture
