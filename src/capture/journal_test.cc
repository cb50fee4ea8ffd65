#include "capture/journal.h"

#include <gtest/gtest.h>

#include <random>

#include "capture/capture_test_util.h"
#include "capture/key_index.h"

namespace harmonylite::capture {
namespace {

using Strings = std::vector<std::string>;
using change::ValueView;

class JournalTest : public testing::Test {
 protected:
  Strings Versions(const char* table = "t") {
    return node_.Query("SELECT * FROM " +
                       ledger::VersionTableName(node_.catalog.ByName(table)->id));
  }
  Strings Ids() { return node_.Query("SELECT id FROM __harmonylite__journal"); }
  bool TrimSome(int64_t limit) {
    bool done = false;
    node_.Write([&] { done = sqlite::Must(Trim(&node_.db, node_.state, limit)); });
    return done;
  }
  // Runs random statements that write to the same few rows again and again.
  void WriteMuch(uint32_t seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 200; ++i) {
      const std::string id = std::to_string(random() % 20);
      const std::string a = std::to_string(random() % 30);
      switch (random() % 5) {
        case 0:
          node_.App("REPLACE INTO t VALUES(" + id + ", " + a + ")");
          break;
        case 1:
          node_.App("UPDATE OR REPLACE t SET a = " + a + " WHERE id = " + id);
          break;
        case 2:
          node_.App("UPDATE OR REPLACE t SET id = " + a + " WHERE id = " + id);
          break;
        case 3:
          node_.App("DELETE FROM t WHERE id = " + id);
          break;
        default:
          node_.App("REPLACE INTO u VALUES('" + id + "', " + a + ", 1)");
      }
    }
  }
  TestNode node_{
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE);"
      "CREATE TABLE u(k TEXT COLLATE NOCASE, l, x, PRIMARY KEY(k, l)) WITHOUT ROWID;"};
};

TEST_F(JournalTest, StartsWithOneTick) {
  const JournalEnd end = sqlite::Must(ReadJournalEnd(&node_.db));
  EXPECT_EQ(end.last, Lseq(1));
  EXPECT_EQ(end.last_change, Lseq(0));
  EXPECT_EQ(end.stamp, Hlc(0));
}

TEST_F(JournalTest, FoldingKeepsTheNewestEntryOfEachRow) {
  WriteMuch(1);
  const std::string expected =
      "WITH told AS (SELECT k1, max(id) AS id FROM __harmonylite__journal j WHERE tbl = " +
      std::to_string(node_.catalog.ByName("t")->id) +
      " AND (op = 1 OR NOT EXISTS (SELECT 1 FROM t WHERE t.id = j.k1)) GROUP BY k1) "
      "SELECT told.k1, j.hlc, 0, told.id, NOT EXISTS(SELECT 1 FROM t WHERE t.id = told.k1) "
      "FROM told JOIN __harmonylite__journal j ON j.id = told.id ORDER BY 1";
  node_.FoldAll();
  EXPECT_EQ(node_.Query("SELECT k1, hlc, n, lseq, gone FROM " +
                        ledger::VersionTableName(node_.catalog.ByName("t")->id) + " ORDER BY k1"),
            node_.Query(expected));
  EXPECT_EQ(node_.state.folded_to, node_.newest());
  EXPECT_EQ(sqlite::Must(ledger::LoadState(&node_.db)).folded_to, node_.newest());
}

TEST_F(JournalTest, FoldingInPiecesEndsAtTheSame) {
  WriteMuch(2);
  TestNode other(
      "CREATE TABLE t(id INTEGER PRIMARY KEY, a UNIQUE);"
      "CREATE TABLE u(k TEXT COLLATE NOCASE, l, x, PRIMARY KEY(k, l)) WITHOUT ROWID;");
  sqlite::UseAllOfSqlite(&other.app);
  other.App("ATTACH '" + node_.path +
            "' AS src;"
            "INSERT INTO main.t SELECT * FROM src.t; INSERT INTO main.u SELECT * FROM src.u;"
            "DELETE FROM main.__harmonylite__journal;"
            "INSERT INTO main.__harmonylite__journal SELECT * FROM src.__harmonylite__journal;");
  node_.FoldAll();
  while (other.state.folded_to < other.newest()) other.FoldSome(7);
  for (const char* table : {"t", "u"}) {
    const std::string name = ledger::VersionTableName(node_.catalog.ByName(table)->id);
    // Only whether `born` is NULL is compared. Its value depends on which insert a fold saw, and an
    // insert and an update that are folded together count as one.
    const std::string keys = table == std::string_view("t") ? "k1" : "k1, k2";
    const std::string sql =
        "SELECT " + keys + ", hlc, n, lseq, gone, hash, born IS NULL FROM " + name;
    EXPECT_EQ(node_.Query(sql), other.Query(sql));
  }
}

TEST_F(JournalTest, HashesAreOfTheImage) {
  node_.App("INSERT INTO t VALUES(1, 'x'); DELETE FROM t WHERE id = 1; INSERT INTO t VALUES(2, 2)");
  node_.FoldAll();
  const std::vector<ValueView> image = {ValueView::Integer(2), ValueView::Integer(2)};
  const int64_t hash = HashImage(node_.catalog.ByName("t")->table, image);
  EXPECT_EQ(node_.Query("SELECT k1, hash FROM " +
                        ledger::VersionTableName(node_.catalog.ByName("t")->id) + " ORDER BY k1"),
            (Strings{"1|0", "2|" + std::to_string(hash)}));
}

TEST_F(JournalTest, EntriesThatLostAreNotRead) {
  node_.App("INSERT INTO t VALUES(1, 'x'), (2, 'y')");
  const Lseq from(1);
  node_.FoldAll();
  // Leaves the version table as applying another node's newer write of row 1 does.
  node_.App("UPDATE " + ledger::VersionTableName(node_.catalog.ByName("t")->id) +
            " SET n = 1, lseq = 77 WHERE k1 = 1");
  EXPECT_EQ(node_.Net(from), (RowsByKey{{"t:2", "2|'y'"}}));
  // A local write after the other node's counts again.
  node_.App("UPDATE t SET a = 'z' WHERE id = 1");
  EXPECT_EQ(node_.Net(from), (RowsByKey{{"t:1", "1|'z'"}, {"t:2", "2|'y'"}}));
}

TEST_F(JournalTest, TheNetChangesAreTheSameBeforeAndAfterFolding) {
  WriteMuch(3);
  const RowsByKey before = node_.Net(Lseq(0));
  node_.FoldSome(150);
  EXPECT_EQ(node_.Net(Lseq(0)), before);
  node_.FoldAll();
  EXPECT_EQ(node_.Net(Lseq(0)), before);
  const RowsByKey rows = node_.Rows();
  for (const auto& [key, image] : before)
    EXPECT_EQ(image, rows.contains(key) ? rows.at(key) : "gone");
}

// A row that was inserted without triggers, in the place of a deleted one, is nobody's write. What
// is folded is told by the version, so that the delete reaches whoever has not got it yet, whether
// the row was deleted or displaced.
TEST_F(JournalTest, ARowThatNoTriggerSawHidesNoFoldedDelete) {
  node_.App("INSERT INTO t VALUES(1, 'x'), (2, 'y'), (3, 'z'); DELETE FROM t WHERE id = 1");
  node_.App("REPLACE INTO t VALUES(4, 'y')");
  node_.FoldAll();
  const RowsByKey folded{{"t:1", "gone"}, {"t:2", "gone"}, {"t:3", "3|'z'"}, {"t:4", "4|'y'"}};
  ASSERT_EQ(node_.Net(Lseq(0)), folded);
  node_.app.EnableTriggers(false);
  node_.App("INSERT INTO t VALUES(1, 'unseen'), (2, 'unseen too')");
  EXPECT_EQ(node_.Net(Lseq(0)), folded);
}

TEST_F(JournalTest, EntriesOfForgottenTablesArePassedOver) {
  // Both tables have the same key values, so that mixing them up would be noticed.
  node_.App(
      "INSERT INTO u VALUES(1, 1, 1); INSERT INTO t VALUES(1, 1); INSERT INTO u VALUES(1, 2, 1);"
      "UPDATE u SET x = 2; DROP TABLE u");
  node_.Sync();
  EXPECT_EQ(node_.Net(Lseq(0)), (RowsByKey{{"t:1", "1|1"}}));
}

TEST_F(JournalTest, TrimNeverDeletesTheNewest) {
  node_.App("INSERT INTO t VALUES(1, 1), (2, 2), (3, 3)");
  const Lseq newest = node_.newest();
  // Nothing is published, and nothing but the first tick is folded, so nothing may be trimmed.
  EXPECT_TRUE(TrimSome(100));
  EXPECT_EQ(node_.newest(), newest);
  EXPECT_GE(Ids().size(), static_cast<size_t>(newest.value) - 1);
  node_.FoldAll();
  node_.state.published_to = Lseq(newest.value - 2);
  EXPECT_TRUE(TrimSome(100));
  EXPECT_EQ(sqlite::Must(node_.db.QueryInt("SELECT min(id) FROM __harmonylite__journal")),
            newest.value - 1);
  node_.state.published_to = newest;
  EXPECT_TRUE(TrimSome(100));
  EXPECT_EQ(Ids(), Strings{std::to_string(newest.value)});
  EXPECT_TRUE(TrimSome(100));
  // Because the newest entry is kept, ids go on from it.
  node_.App("DELETE FROM t WHERE id = 1");
  EXPECT_EQ(node_.newest().value, newest.value + 1);
}

TEST_F(JournalTest, TrimInPieces) {
  WriteMuch(4);
  node_.FoldAll();
  node_.state.published_to = node_.newest();
  int pieces = 1;
  while (!TrimSome(50)) ++pieces;
  EXPECT_GT(pieces, 2);
  EXPECT_EQ(Ids().size(), 1u);
}

TEST_F(JournalTest, TheEndAfterTrimmingUpToATick) {
  node_.App("INSERT INTO t VALUES(1, 1)");
  const Hlc ahead(HlcFromMillis(SystemClock().WallMs() + 60'000));
  node_.Write([&] { sqlite::Must(RaiseClock(&node_.db, ahead)); });
  node_.FoldAll();
  node_.state.published_to = node_.newest();
  TrimSome(100);
  const JournalEnd end = sqlite::Must(ReadJournalEnd(&node_.db));
  EXPECT_EQ(end.stamp, ahead);
  EXPECT_EQ(end.last_change, Lseq(0));
  EXPECT_EQ(StampOf(&node_.db, Lseq(2)).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(sqlite::Must(StampOf(&node_.db, end.last)), ahead);
}

TEST_F(JournalTest, AnEmptyJournalIsAnError) {
  node_.App("DELETE FROM __harmonylite__journal");
  const auto end = ReadJournalEnd(&node_.db);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().code(), ErrorCode::kCorruption);
}

// With few tables each is read in one range, and with many tables run by run.
TEST(JournalOfManyTables, EveryChangeIsVisitedOnce) {
  for (const int count : {2, 30}) {
    std::string schema;
    for (int i = 0; i < count; ++i)
      schema += fmt::format("CREATE TABLE m{}(k INTEGER PRIMARY KEY, v);", i);
    TestNode node(schema);
    const Lseq start = node.newest();
    for (int round = 0; round < 3; ++round)
      for (int i = 0; i < count; ++i)
        node.App(fmt::format("INSERT INTO m{0} VALUES({1}, 0); UPDATE m{0} SET v = {1} WHERE k = 0",
                             i, round));
    for (const bool folded : {false, true}) {
      std::map<std::string, int> visits;
      sqlite::Must(VisitNetChanges(
          &node.db, node.catalog, node.state, start, node.newest(), [&](const NetChange& change) {
            ++visits[change.table->table.name + " " + TestNode::Join(change.image)];
            return Ok();
          }));
      std::map<std::string, int> expected;
      for (int i = 0; i < count; ++i)
        for (const char* image : {"0|2", "1|0", "2|0"})
          expected[fmt::format("m{} {}", i, image)] = 1;
      EXPECT_EQ(visits, expected) << count << " tables, folded: " << folded;
      node.FoldAll();
    }
  }
}

TEST_F(JournalTest, VersionsLeaveOutWhatIsNotFoldedYet) {
  node_.App("INSERT INTO t VALUES(1, 1), (2, 2), (3, 3)");
  node_.FoldAll();
  node_.App("UPDATE t SET a = 11 WHERE id = 1; DELETE FROM t WHERE id = 2");
  Unfolded unfolded;
  const ValueView one = ValueView::Integer(1);
  unfolded[node_.catalog.ByName("t")->id].Note({&one, 1}, node_.newest());
  RowsByKey seen;
  sqlite::Must(VisitVersions(&node_.db, node_.catalog, unfolded, node_.state.self_index, Lseq(0),
                             node_.newest(), [&](const NetChange& change) {
                               seen[TestNode::Join(change.key)] = TestNode::Join(change.image);
                               return Ok();
                             }));
  EXPECT_EQ(seen, (RowsByKey{{"3", "3|3"}}));
}

}  // namespace
}  // namespace harmonylite::capture
