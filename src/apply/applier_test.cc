#include "apply/applier.h"

#include <gtest/gtest.h>

#include "apply/apply_test_util.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kTable = "CREATE TABLE t(id INTEGER PRIMARY KEY, a)";
constexpr const char* kUnique =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, v, UNIQUE(v, id))";

class ApplierTest : public testing::Test {
 protected:
  void ExpectSame(ApplyNode* a, ApplyNode* b) { EXPECT_EQ(a->Rows(), b->Rows()); }
  ApplyNode one_{kTable, 1};
  ApplyNode two_{kTable, 2};
};

TEST_F(ApplierTest, InsertsUpdatesAndDeletes) {
  one_.App("INSERT INTO t VALUES(1, 'x'), (2, 'y'), (3, 'z')");
  EXPECT_EQ(two_.ApplyFrom(&one_).won, 3);
  one_.App("UPDATE t SET a = 'new' WHERE id = 1; DELETE FROM t WHERE id = 2");
  const ApplyStats stats = two_.ApplyFrom(&one_);
  EXPECT_EQ(stats.rows, 2);
  EXPECT_EQ(stats.conflicts, 0);
  EXPECT_EQ(two_.Query("SELECT * FROM t"), (Strings{"1|'new'", "3|'z'"}));
}

TEST_F(ApplierTest, BatchesCoverExactlyWhatWasWritten) {
  EXPECT_FALSE(one_.Publish().has_value());
  one_.App("INSERT INTO t VALUES(1, 'x')");
  const auto first = one_.Publish();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->header.covers, (std::vector<change::Cover>{{one_.self, Lseq(0), Lseq(2)}}));
  EXPECT_EQ(first->header.sender, one_.self);
  EXPECT_EQ(first->rows, 1u);
  EXPECT_EQ(first->header.max_stamp, first->to_stamp);
  EXPECT_FALSE(one_.Publish().has_value());
  one_.App("UPDATE t SET a = 'y'; UPDATE t SET a = 'z'");
  const auto second = one_.Publish();
  EXPECT_EQ(second->header.covers, (std::vector<change::Cover>{{one_.self, Lseq(2), Lseq(4)}}));
  EXPECT_EQ(second->rows, 1u);
  two_.Apply(*first);
  two_.App("INSERT INTO t VALUES(2, 'two')");
  EXPECT_EQ(two_.Publish()->header.seen.Get(one_.self), Lseq(2));
}

TEST_F(ApplierTest, ProgressAndClockCommitWithTheRows) {
  one_.Write([&] {
    sqlite::Must(capture::RaiseClock(&one_.db, HlcFromMillis(SystemClock().WallMs() + 3'600'000)));
  });
  one_.App("INSERT INTO t VALUES(1, 'x')");
  const auto batch = one_.Publish();
  two_.Apply(*batch);
  EXPECT_EQ(two_.Progress().Get(one_.self), batch->to);
  EXPECT_GE(sqlite::Must(capture::ReadJournalEnd(&two_.db)).stamp, batch->header.max_stamp);
  // Applying has raised this node's clock, so a later write here wins, whatever the wall clock
  // says.
  two_.App("UPDATE t SET a = 'later'");
  EXPECT_EQ(one_.ApplyFrom(&two_).won, 1);
  EXPECT_EQ(one_.Query("SELECT a FROM t"), Strings{"'later'"});
}

TEST_F(ApplierTest, ApplyingDoesNotEcho) {
  one_.App("INSERT INTO t VALUES(1, 'x')");
  two_.ApplyFrom(&one_);
  EXPECT_FALSE(two_.Publish().has_value());
}

TEST_F(ApplierTest, ApplyingAgainChangesNothing) {
  one_.App("INSERT INTO t VALUES(1, 'x'), (2, 'y'); DELETE FROM t WHERE id = 2");
  const auto batch = one_.Publish();
  two_.Apply(*batch);
  const Strings versions = two_.Query("SELECT * FROM __harmonylite__v1");
  const Lseq newest = two_.newest();
  const ApplyStats again = two_.Apply(*batch);
  EXPECT_EQ(again.rows, 2);
  EXPECT_EQ(again.won, 0);
  EXPECT_EQ(again.conflicts, 0);
  EXPECT_EQ(two_.Query("SELECT * FROM __harmonylite__v1"), versions);
  EXPECT_EQ(two_.newest(), newest);
}

TEST_F(ApplierTest, TheOlderWriteLosesAndIsAConflict) {
  one_.App("INSERT INTO t VALUES(1, 'older')");
  two_.FollowClockOf(&one_);
  two_.App("INSERT INTO t VALUES(1, 'newer')");
  const auto older = one_.Publish();
  const auto newer = two_.Publish();
  ASSERT_LT(older->to_stamp, newer->to_stamp);
  const ApplyStats lost = two_.Apply(*older);
  EXPECT_EQ(lost.won, 0);
  EXPECT_EQ(lost.conflicts, 1);
  const ApplyStats won = one_.Apply(*newer);
  EXPECT_EQ(won.won, 1);
  EXPECT_EQ(won.conflicts, 1);
  ExpectSame(&one_, &two_);
  EXPECT_EQ(one_.Query("SELECT a FROM t"), Strings{"'newer'"});
}

TEST_F(ApplierTest, AWriteThatSawTheOtherIsNoConflict) {
  one_.App("INSERT INTO t VALUES(1, 'x')");
  two_.ApplyFrom(&one_);
  two_.App("UPDATE t SET a = 'y'");
  const ApplyStats stats = one_.ApplyFrom(&two_);
  EXPECT_EQ(stats.won, 1);
  EXPECT_EQ(stats.conflicts, 0);
}

TEST_F(ApplierTest, ADeletedRowDoesNotComeBack) {
  one_.App("INSERT INTO t VALUES(1, 'x')");
  const auto insert = one_.Publish();
  two_.Apply(*insert);
  two_.App("DELETE FROM t");
  one_.ApplyFrom(&two_);
  EXPECT_EQ(two_.Apply(*insert).won, 0);
  EXPECT_EQ(one_.Apply(*insert).won, 0);
  EXPECT_TRUE(one_.Rows().empty());
  EXPECT_TRUE(two_.Rows().empty());
}

TEST_F(ApplierTest, UnfoldedLocalWritesAreCompared) {
  two_.App("INSERT INTO t VALUES(1, 'older')");
  one_.FollowClockOf(&two_);
  one_.App("INSERT INTO t VALUES(1, 'newer')");
  EXPECT_EQ(two_.ApplyFrom(&one_).conflicts, 1);
  EXPECT_EQ(two_.Query("SELECT a FROM t"), Strings{"'newer'"});
  // The node's own journal entry has lost, so its batch covers the entry and holds no row.
  const auto empty = two_.Publish();
  ASSERT_TRUE(empty.has_value());
  EXPECT_EQ(empty->rows, 0u);
  EXPECT_EQ(one_.Apply(*empty).rows, 0);
  EXPECT_EQ(one_.Progress().Get(two_.self), empty->to);
}

TEST_F(ApplierTest, ARowFromBeforeLosesToAnyWrite) {
  ApplyNode old("CREATE TABLE t(id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES(1, 'before')", 3);
  EXPECT_FALSE(old.Publish().has_value());
  one_.App("INSERT INTO t VALUES(1, 'x')");
  const ApplyStats stats = old.ApplyFrom(&one_);
  EXPECT_EQ(stats.won, 1);
  EXPECT_EQ(stats.conflicts, 0);
  ExpectSame(&one_, &old);
}

TEST_F(ApplierTest, SchemaDifferencesAreHeld) {
  one_.App("INSERT INTO t VALUES(1, 'x')");
  const auto batch = one_.Publish();
  for (const char* sql :
       {"CREATE TABLE other(id INTEGER PRIMARY KEY)", "CREATE TABLE t(id INTEGER PRIMARY KEY)",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)", "CREATE TABLE t(id, a PRIMARY KEY)"}) {
    ApplyNode node(sql, 3);
    const auto applied = node.TryApply(*batch);
    ASSERT_FALSE(applied.ok()) << sql;
    EXPECT_EQ(applied.error().code(), ErrorCode::kSchemaMismatch);
    EXPECT_EQ(node.Progress().Get(one_.self), Lseq(0));
    EXPECT_TRUE(node.Rows().empty());
  }
  ApplyNode late("CREATE TABLE t(id INTEGER PRIMARY KEY)", 4);
  EXPECT_FALSE(late.TryApply(*batch).ok());
  late.App("ALTER TABLE t ADD COLUMN a");
  late.SyncAll();
  late.Apply(*batch);
  ExpectSame(&one_, &late);
}

TEST_F(ApplierTest, SwapsOfUniqueValuesWithinOneBatch) {
  ApplyNode a(kUnique, 1);
  ApplyNode b(kUnique, 2);
  a.App("INSERT INTO t VALUES(1, 'x', 1), (2, 'y', 2), (3, 'z', 3)");
  b.ApplyFrom(&a);
  a.App(
      "BEGIN; UPDATE t SET u = 'tmp' WHERE id = 1; UPDATE t SET u = 'x' WHERE id = 2;"
      "UPDATE t SET u = 'y' WHERE id = 1; COMMIT");
  b.ApplyFrom(&a);
  ExpectSame(&a, &b);
  // Three rows pass their values round in a ring, and a row takes over the value of a deleted one.
  a.App(
      "BEGIN; UPDATE t SET u = u || '!'; UPDATE t SET u = 'z' WHERE id = 1;"
      "UPDATE t SET u = 'x' WHERE id = 3; UPDATE t SET u = 'y' WHERE id = 2; COMMIT");
  b.ApplyFrom(&a);
  ExpectSame(&a, &b);
  a.App(
      "BEGIN; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES(9, 'z', 9);"
      "REPLACE INTO t VALUES(8, 'x', 8); COMMIT");
  b.ApplyFrom(&a);
  ExpectSame(&a, &b);
  EXPECT_EQ(b.Rows().size(), 3u);
}

TEST_F(ApplierTest, TheKeyAndNoOtherIndexSaysWhichRowItIs) {
  // 'A' and 'a' are two rows by the key, but the same value in the other index.
  const char* sql =
      "CREATE TABLE t(k TEXT PRIMARY KEY, a);"
      "CREATE UNIQUE INDEX i ON t(k COLLATE NOCASE)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  a.App("INSERT INTO t VALUES('a', 'theirs')");
  b.FollowClockOf(&a);
  b.App("INSERT INTO t VALUES('A', 'mine')");
  b.ApplyFrom(&a);
  EXPECT_EQ(b.Query("SELECT * FROM t"), Strings{"'A'|'mine'"});
  EXPECT_EQ(b.Query("SELECT k1, b1 FROM __harmonylite__s1"), Strings{"'a'|'A'"});
}

TEST_F(ApplierTest, EqualKeysSpelledDifferently) {
  const char* sql = "CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, a)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  a.App("INSERT INTO t VALUES('key', 1)");
  b.FollowClockOf(&a);
  b.App("INSERT INTO t VALUES('KEY', 2)");
  const auto from_a = a.Publish();
  const auto from_b = b.Publish();
  EXPECT_EQ(a.Apply(*from_b).conflicts, 1);
  EXPECT_EQ(b.Apply(*from_a).conflicts, 1);
  EXPECT_EQ(a.Query("SELECT * FROM t"), Strings{"'KEY'|2"});
  EXPECT_EQ(b.Query("SELECT * FROM t"), Strings{"'KEY'|2"});
  b.App("DELETE FROM t WHERE k = 'Key'");
  a.ApplyFrom(&b);
  EXPECT_TRUE(a.Rows().empty());
}

TEST_F(ApplierTest, ForeignKeysDoNotActTwiceNorRefuse) {
  const char* sql =
      "CREATE TABLE p(id INTEGER PRIMARY KEY);"
      "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE);";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  a.App("PRAGMA foreign_keys = ON; INSERT INTO p VALUES(1); INSERT INTO c VALUES(1, 1), (2, 1)");
  b.ApplyFrom(&a);
  b.App("INSERT INTO c VALUES(3, 1)");
  a.App("DELETE FROM p");
  EXPECT_EQ(b.ApplyFrom(&a).won, 3);
  EXPECT_EQ(b.Query("SELECT * FROM c"), Strings{"3|1"});
}

TEST_F(ApplierTest, DamagedBatchesChangeNothing) {
  one_.App("INSERT INTO t VALUES(1, 'x'), (2, 'y')");
  const auto batch = one_.Publish();
  std::string bytes;
  sqlite::Must(batch->bytes.ReadAt(0, batch->bytes.size(), &bytes));
  capture::BuiltBatch cut{batch->header, Spool(two_.dir.path()), batch->to, batch->to_stamp, 2};
  sqlite::Must(cut.bytes.Append(bytes.substr(0, bytes.size() - 3)));
  const auto applied = two_.TryApply(cut);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code(), ErrorCode::kCorruption);
  EXPECT_TRUE(two_.Rows().empty());
  EXPECT_EQ(two_.Query("SELECT count(*) FROM __harmonylite__v1"), Strings{"0"});
  two_.Apply(*batch);
  ExpectSame(&one_, &two_);
}

TEST_F(ApplierTest, ABatchWaitsForTheTriggersOfANewTable) {
  one_.App("CREATE TABLE late(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1, 'x')");
  const auto early = one_.reader.ReadChanges(Lseq(0));
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().code(), ErrorCode::kRetryLater);
  one_.SyncAll();
  EXPECT_TRUE(one_.Publish().has_value());
}

}  // namespace
}  // namespace harmonylite::apply
