// A node that is too far behind merges a snapshot: rows that were deleted elsewhere go, the node's
// own writes stay, and all nodes end equal (P4, P5, P7).
#include <gtest/gtest.h>

#include "node/replication/replica_test_util.h"

namespace harmonylite::node {
namespace {

void ExpectEqual(TestReplica* a, TestReplica* b) {
  EXPECT_EQ(a->Rows(), b->Rows());
  EXPECT_EQ(a->Query("SELECT k, v FROM u ORDER BY k"), b->Query("SELECT k, v FROM u ORDER BY k"));
  for (const int table : {1, 2}) EXPECT_EQ(a->Live(table), b->Live(table));
  EXPECT_EQ(a->Query("SELECT k1 FROM __harmonylite__s2"),
            b->Query("SELECT k1 FROM __harmonylite__s2"));
}

// Sends `to` by a repair batch what `from` has and `to` lacks.
void Repair(TestReplica* from, TestReplica* to) {
  const auto answer = from->Answer(to);
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  if (answer->has_value()) {
    EXPECT_EQ(to->Apply(**answer).verdict, Verdict::kReady);
  }
}

class MergeTest : public testing::Test {
 protected:
  void SetUp() override {
    one_.App("INSERT INTO t VALUES(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')");
    one_.App("INSERT INTO u VALUES('x', 1), ('y', 2)");
    two_.ApplyFrom(&one_);
  }
  TestReplica one_{1};
  TestReplica two_{2};
};

TEST_F(MergeTest, AnEvictedNodeComesBack) {
  one_.App(
      "DELETE FROM t WHERE id IN (1, 2); UPDATE t SET a = 'c1' WHERE id = 3; INSERT INTO t "
      "VALUES(6, 'f')");
  one_.App("DELETE FROM u WHERE k = 'x'");
  one_.Publish();
  EXPECT_EQ(one_.Forget(), 3);
  two_.App("INSERT INTO t VALUES(10, 'own'); UPDATE t SET a = 'd2' WHERE id = 4");
  two_.App("UPDATE t SET a = 'b2' WHERE id = 2");  // node 1 has deleted and forgotten this row
  EXPECT_FALSE(one_.Answer(&two_).ok());
  const auto early = two_.Publish();
  EXPECT_EQ(one_.Apply(*early).kind, HoldKind::kStale);

  const auto snapshot = one_.Snapshot();
  const Replica::Merged merged = two_.Merge(snapshot.get());
  EXPECT_EQ(merged.removed, 2);
  EXPECT_EQ(two_.Rows(), (Strings{"2|'b2'", "3|'c1'", "4|'d2'", "5|'e'", "6|'f'", "10|'own'"}));
  EXPECT_EQ(two_.Query("SELECT k FROM u"), Strings{"'y'"});
  // Node 1 lacks the batch that it refused as stale. Node 2 knows the deletes now, so it can
  // answer.
  Repair(&two_, &one_);
  if (const auto rest = two_.Publish()) {
    EXPECT_NE(one_.Apply(*rest).verdict, Verdict::kWaits);
  }
  ExpectEqual(&one_, &two_);
}

TEST_F(MergeTest, TheApplicationWritesAllTheWhile) {
  one_.App("DELETE FROM t WHERE id < 5");
  one_.Publish();
  one_.Forget();
  const auto snapshot = one_.Snapshot();
  two_.App("UPDATE t SET a = 'early' WHERE id = 1");
  const apply::MergePlan plan = two_.Plan(snapshot.get());
  two_.App(
      "UPDATE t SET a = 'late' WHERE id = 2; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES(9, "
      "'new')");
  const auto merged = Must(two_.replica().MergeRestore(plan, snapshot.get()));
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->removed, 1);
  EXPECT_EQ(two_.Rows(), (Strings{"1|'early'", "2|'late'", "5|'e'", "9|'new'"}));
  one_.ApplyFrom(&two_);
  ExpectEqual(&one_, &two_);
}

TEST_F(MergeTest, ARowThatIsNotVisibleIsWrittenAnewTooAndNotDeleted) {
  two_.App("INSERT INTO u VALUES('mine', 'free')");
  MoveStamps(&one_, 1'000);
  one_.App("INSERT INTO u VALUES('theirs', 'free')");
  two_.ApplyFrom(&one_);  // 'theirs' is newer than 'mine', so 'mine' is shadowed
  ASSERT_EQ(two_.Query("SELECT k FROM u WHERE v = 'free'"), Strings{"'theirs'"});
  one_.App("INSERT INTO t VALUES(91, 'x'); DELETE FROM t WHERE id = 91");
  one_.Publish();
  one_.Forget();
  const Replica::Merged merged = two_.Merge(one_.Snapshot().get());
  EXPECT_EQ(merged.written, 1);
  EXPECT_EQ(two_.Query("SELECT gone FROM __harmonylite__v2 WHERE k1 = 'mine'"), Strings{"0"});
  EXPECT_EQ(two_.Query("SELECT k FROM u WHERE v = 'free'"), Strings{"'mine'"});
  const auto rest = two_.Publish();
  ASSERT_TRUE(rest.has_value());
  one_.Apply(*rest);
  EXPECT_EQ(one_.Query("SELECT k FROM u WHERE v = 'free'"), Strings{"'mine'"});
  ExpectEqual(&one_, &two_);
}

TEST_F(MergeTest, WhatIsWrittenAnewWinsOverADeleteThatOthersStillRemember) {
  TestReplica three(3);
  Repair(&one_, &three);
  two_.App("UPDATE t SET a = 'b2' WHERE id = 2");  // older than node 1's delete
  one_.App("DELETE FROM t WHERE id = 2");
  const auto deleted = one_.Publish();
  three.Apply(*deleted);
  one_.Forget();
  two_.Merge(one_.Snapshot().get());
  const auto batch = two_.Publish();
  EXPECT_EQ(one_.Apply(*batch).verdict, Verdict::kReady);
  EXPECT_EQ(three.Apply(*batch).verdict, Verdict::kReady);
  EXPECT_EQ(three.Query("SELECT a FROM t WHERE id = 2"), Strings{"'b2'"});
  ExpectEqual(&one_, &three);
  ExpectEqual(&one_, &two_);
}

// Row 2 was deleted at node 3, updated later at node 2, and deleted again, still later, at node 1.
// Node 1 has forgotten its delete and node 4 has not. Node 3 has merged a snapshot of node 1 and
// still has its own tombstone, which is older than the update at node 2.
class OldTombstoneTest : public MergeTest {
 protected:
  void SetUp() override {
    MergeTest::SetUp();
    Repair(&one_, &three_);
    Repair(&one_, &four_);
    three_.App("DELETE FROM t WHERE id = 2");
    MoveStamps(&two_, 1'000);
    two_.App("UPDATE t SET a = 'b2' WHERE id = 2");
    MoveStamps(&one_, 2'000);
    one_.App("DELETE FROM t WHERE id = 2");
    four_.Apply(*one_.Publish());
    one_.Forget();
    three_.Merge(one_.Snapshot().get());
    ASSERT_EQ(three_.Query("SELECT gone FROM __harmonylite__v1 WHERE k1 = 2"), Strings{"1"});
  }
  void ExpectRowIsBackFrom(TestReplica* node) {
    for (TestReplica* other : {&one_, &four_}) {
      Repair(node, other);
      EXPECT_EQ(other->Query("SELECT a FROM t WHERE id = 2"), Strings{"'b2'"});
    }
  }
  TestReplica three_{3};
  TestReplica four_{4};
};

TEST_F(OldTombstoneTest, OfASnapshotSaysNothingOfANewerRowHere) {
  const Replica::Merged merged = two_.Merge(three_.Snapshot().get());
  EXPECT_EQ(merged.written, 1);
  ExpectRowIsBackFrom(&two_);
}

TEST_F(OldTombstoneTest, ThatIsHereSaysNothingOfANewerRowOfASnapshot) {
  const Replica::Merged merged = three_.Merge(two_.Snapshot().get());
  EXPECT_EQ(merged.written, 1);
  ExpectRowIsBackFrom(&three_);
}

TEST_F(MergeTest, APlanForAnotherStateIsNotCarriedOut) {
  one_.App("DELETE FROM t WHERE id = 1");
  const auto batch = one_.Publish();
  const auto snapshot = one_.Snapshot();
  const apply::MergePlan plan = two_.Plan(snapshot.get());
  two_.Apply(*batch);
  EXPECT_FALSE(Must(two_.replica().MergeRestore(plan, snapshot.get())).has_value());
  two_.Merge(snapshot.get());
  ExpectEqual(&one_, &two_);
}

TEST_F(MergeTest, NothingForgottenNothingCompared) {
  one_.App("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES(7, 'g')");
  const auto snapshot = one_.Snapshot();
  two_.App("INSERT INTO t VALUES(10, 'own')");
  const apply::MergePlan plan = two_.Plan(snapshot.get());
  EXPECT_FALSE(plan.by_absence);
  EXPECT_TRUE(plan.deleted.empty() && plan.unknown.empty());
  two_.Merge(snapshot.get());
  EXPECT_EQ(two_.Rows(), (Strings{"2|'b'", "3|'c'", "4|'d'", "5|'e'", "7|'g'", "10|'own'"}));
}

TEST_F(MergeTest, ShadowedRowsAndTheirBlockersAreRemovedToo) {
  one_.App("INSERT INTO u VALUES('w', 9)");
  // Row z has the value of row w. Within one millisecond, a stamp has a random part; after twenty
  // writes row z is the newer one all the same.
  for (int i = 0; i < 20; ++i) two_.App("REPLACE INTO u VALUES('z', 9)");
  two_.ApplyFrom(&one_);
  one_.ApplyFrom(&two_);
  ASSERT_EQ(two_.Query("SELECT k1 FROM __harmonylite__s2"), Strings{"'w'"});
  one_.App("DELETE FROM u WHERE k = 'z'");
  one_.Maintain();
  ASSERT_EQ(one_.Query("SELECT k FROM u WHERE v = 9"), Strings{"'w'"});
  one_.Publish();
  one_.Forget();
  two_.Merge(one_.Snapshot().get());
  ExpectEqual(&one_, &two_);
  EXPECT_EQ(two_.Query("SELECT k FROM u WHERE v = 9"), Strings{"'w'"});
}

TEST_F(MergeTest, ARowFromBeforeIsKeptAmongTheConflicts) {
  const std::string before = std::string(kTables) + "INSERT INTO t VALUES(1, 'old'), (2, 'old')";
  TestReplica three(3, before);
  TestReplica four(4, before);
  three.App("DELETE FROM t WHERE id = 1");
  three.Publish();
  three.Forget();
  four.Merge(three.Snapshot().get());
  EXPECT_EQ(four.Rows(), Strings{"2|'old'"});
  EXPECT_EQ(four.Query("SELECT kind, winner IS NULL FROM __harmonylite__conflicts"),
            Strings{"'deleted'|1"});
}

TEST_F(MergeTest, RowsFromBeforeComeToANodeWithEmptyTables) {
  TestReplica three(3, std::string(kTables) +
                           "INSERT INTO t VALUES(1, 'old'), (2, 'old'), (3, 'old'), (4, 'old');"
                           "INSERT INTO u VALUES('x', 1), ('y', 2)");
  TestReplica four(4);
  three.App("DELETE FROM t WHERE id = 1; UPDATE t SET a = 'new' WHERE id = 2");
  three.Publish();
  three.Forget();
  four.App("INSERT INTO t VALUES(4, 'own'); INSERT INTO u VALUES('z', 1)");
  const auto snapshot = three.Snapshot();
  auto old_rows = Must(four.replica().FindOldRows(snapshot.get()));
  int64_t added = 0;
  while (const auto found = Must(old_rows.Next(1)))
    added += Must(four.replica().AddOldRows(*found));
  EXPECT_EQ(added, 3);
  four.Merge(snapshot.get());
  EXPECT_EQ(four.Rows(), (Strings{"2|'new'", "3|'old'", "4|'own'"}));
  EXPECT_EQ(four.Query("SELECT k, v FROM u ORDER BY k"), (Strings{"'y'|2", "'z'|1"}));
  Must(four.replica().SyncSchema());
  three.ApplyFrom(&four);
  ExpectEqual(&three, &four);
}

TEST_F(MergeTest, BothSidesHaveForgottenWhatTheOtherLacks) {
  one_.App("DELETE FROM t WHERE id = 1; UPDATE t SET a = 'b1' WHERE id = 2");
  one_.Publish();
  one_.Forget();
  two_.App(
      "DELETE FROM t WHERE id = 2; DELETE FROM t WHERE id = 3; UPDATE t SET a = 'a2' WHERE id = 1");
  two_.Publish();
  two_.Forget();
  EXPECT_FALSE(one_.Answer(&two_).ok());
  EXPECT_FALSE(two_.Answer(&one_).ok());
  two_.Merge(one_.Snapshot().get());
  EXPECT_EQ(two_.Rows(), (Strings{"1|'a2'", "2|'b1'", "4|'d'", "5|'e'"}))
      << "writes survive deletes not known to them";
  one_.Merge(two_.Snapshot().get());
  for (int i = 0; i < 2; ++i) {
    if (const auto batch = one_.Publish()) two_.Apply(*batch);
    if (const auto batch = two_.Publish()) one_.Apply(*batch);
  }
  Repair(&one_, &two_);
  Repair(&two_, &one_);
  ExpectEqual(&one_, &two_);
}

}  // namespace
}  // namespace harmonylite::node
