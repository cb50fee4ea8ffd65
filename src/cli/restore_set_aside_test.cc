#include "cli/restore_set_aside.h"

#include <gtest/gtest.h>

#include "ledger/conflict_log.h"
#include "node/replication/replica_test_util.h"

namespace harmonylite::cli {
namespace {

using change::ValueView;
using node::Strings;
using sqlite::Must;

// A node with rows on its list that were set aside.
class RestoreSetAsideTest : public testing::Test {
 protected:
  // As a row of a table with these columns, of which the first is the key.
  void Keep(std::vector<std::string> columns, std::vector<ValueView> row, int64_t written_ms) {
    sqlite::Connection db =
        Must(sqlite::Connection::Open(node_.path(), sqlite::OpenMode::kReadWrite));
    auto transaction = Must(sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
    ledger::TrackedTable tracked;
    tracked.id = node_.replica().catalog().ByName("notes")->id;
    tracked.table.columns = columns;
    tracked.table.key = {{columns[0], "BINARY", false}};
    const auto origin = Must(ledger::LoadState(&db)).self_index;
    Must(ledger::AddConflict(&db, tracked, ledger::conflict_kind::kDropped, {&row[0], 1},
                             {HlcFromMillis(written_ms), origin, row},
                             {HlcFromMillis(written_ms), origin, {}}));
    Must(transaction.Commit());
  }
  void KeepNote(int64_t id, std::string_view body, int64_t written_ms = 5) {
    Keep({"id", "body", "n"}, {ValueView::Integer(id), ValueView::Text(body), ValueView::Null()},
         written_ms);
  }
  RestoredRows Restore(bool overwrite = false) {
    sqlite::Connection db =
        Must(sqlite::Connection::Open(node_.path(), sqlite::OpenMode::kReadWrite));
    return Must(RestoreSetAside(&db, {}, "notes", overwrite));
  }
  Strings Notes() { return node_.Query("SELECT id, body FROM notes ORDER BY id"); }
  int64_t Listed() {
    sqlite::Connection db =
        Must(sqlite::Connection::Open(node_.path(), sqlite::OpenMode::kReadWrite));
    return Must(ledger::CountSetAside(&db))["notes"];
  }

  node::TestReplica node_{1, "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT UNIQUE, n)"};
};

TEST_F(RestoreSetAsideTest, OfSeveralWritesTheNewestCounts) {
  KeepNote(1, "older", 7);
  KeepNote(1, "newest", 9);
  KeepNote(1, "oldest", 5);
  const RestoredRows done = Restore();
  EXPECT_EQ(done.table, "notes");
  EXPECT_EQ(done.written, 1);
  EXPECT_EQ(done.problems, Strings{});
  EXPECT_EQ(Notes(), Strings{"1|'newest'"});
  EXPECT_EQ(Listed(), 0);
}

TEST_F(RestoreSetAsideTest, ARowThatIsThereStays) {
  node_.App("INSERT INTO notes VALUES(1, 'present', NULL), (2, 'same', NULL)");
  KeepNote(1, "kept");
  KeepNote(2, "same");
  RestoredRows done = Restore();
  EXPECT_EQ(done.written, 0);
  EXPECT_EQ(done.there, 1);
  ASSERT_EQ(done.problems.size(), 1u);
  EXPECT_TRUE(done.problems[0].starts_with("id=1 is in the table with other values"));
  EXPECT_EQ(Notes(), (Strings{"1|'present'", "2|'same'"}));
  EXPECT_EQ(Listed(), 1);
  done = Restore(/*overwrite=*/true);
  EXPECT_EQ(done.written, 1);
  EXPECT_EQ(Notes(), (Strings{"1|'kept'", "2|'same'"}));
  EXPECT_EQ(Listed(), 0);
}

TEST_F(RestoreSetAsideTest, AUniqueValueThatIsTakenLeavesTheOthersAlone) {
  node_.App("INSERT INTO notes VALUES(7, 'taken', NULL)");
  KeepNote(1, "one", 5);
  KeepNote(2, "taken", 6);
  KeepNote(3, "three", 7);
  const RestoredRows done = Restore();
  EXPECT_EQ(done.written, 2);
  ASSERT_EQ(done.problems.size(), 1u);
  EXPECT_NE(done.problems[0].find("id=2: another row has its unique value"), std::string::npos);
  EXPECT_EQ(Notes(), (Strings{"1|'one'", "3|'three'", "7|'taken'"}));
  EXPECT_EQ(Listed(), 1);
}

TEST_F(RestoreSetAsideTest, NothingIsLeftOfARowThatATriggerRefuses) {
  node_.App(
      "CREATE TRIGGER refuse AFTER INSERT ON notes WHEN NEW.body = 'bad' BEGIN "
      "SELECT RAISE(FAIL, 'not this one'); END");
  Must(node_.replica().SyncSchema());
  KeepNote(1, "bad");
  KeepNote(2, "good");
  const RestoredRows done = Restore();
  ASSERT_EQ(done.problems.size(), 1u);
  EXPECT_NE(done.problems[0].find("not this one"), std::string::npos) << done.problems[0];
  EXPECT_EQ(Notes(), Strings{"2|'good'"});
}

TEST_F(RestoreSetAsideTest, ARowWithoutTheKeyOfTheTableStaysOnTheList) {
  Keep({"number", "body"}, {ValueView::Integer(1), ValueView::Text("a")}, 5);
  const RestoredRows done = Restore();
  EXPECT_EQ(done.written, 0);
  ASSERT_EQ(done.problems.size(), 1u);
  EXPECT_NE(done.problems[0].find("has no id, which is in the key"), std::string::npos);
  EXPECT_EQ(Notes(), Strings{});
  EXPECT_EQ(Listed(), 1);
}

TEST_F(RestoreSetAsideTest, TheRowIsAWriteOfThisNode) {
  KeepNote(1, "back");
  Restore();
  node::TestReplica other(2, "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT UNIQUE, n)");
  other.ApplyFrom(&node_);
  EXPECT_EQ(other.Query("SELECT body FROM notes"), Strings{"'back'"});
}

class RestoreWithoutKeyTest : public RestoreSetAsideTest {
 protected:
  RestoreWithoutKeyTest() {
    node_.App("DROP TABLE notes; CREATE TABLE notes(body TEXT)");
    Must(node_.replica().SyncSchema());
  }
  void KeepBody(std::string_view body, int64_t written_ms) {
    Keep({schema::kIdentityColumn, "body"},
         {ValueView::Blob("0123456789abcdef"), ValueView::Text(body)}, written_ms);
  }
};

TEST_F(RestoreWithoutKeyTest, ARowIsTheOneThatItWas) {
  KeepBody("older", 5);
  KeepBody("newer", 6);
  EXPECT_EQ(Restore().written, 1);
  EXPECT_EQ(Listed(), 0);
  KeepBody("newer", 6);
  EXPECT_EQ(Restore().there, 1);
  KeepBody("another", 7);
  const RestoredRows done = Restore();
  ASSERT_EQ(done.problems.size(), 1u);
  EXPECT_TRUE(done.problems[0].starts_with("conflict ")) << done.problems[0];
  EXPECT_EQ(node_.Query("SELECT body FROM notes"), Strings{"'newer'"});
}

TEST_F(RestoreWithoutKeyTest, ARowThatHadAKeyStaysOnTheList) {
  KeepNote(1, "had a key");
  const RestoredRows done = Restore();
  ASSERT_EQ(done.problems.size(), 1u);
  EXPECT_NE(done.problems[0].find("had a key, and the table has none now"), std::string::npos);
  EXPECT_EQ(Listed(), 1);
}

}  // namespace
}  // namespace harmonylite::cli
