// Tests of retiring the former incarnations of a node: the vectors no longer name them, and
// everything that depends on vectors goes on as before.
#include <gtest/gtest.h>

#include "node/replication/replica_test_util.h"

namespace harmonylite::node {
namespace {

constexpr int64_t kEverything = int64_t{1} << 60;

// Two nodes. The first one has written a row as a former incarnation, of which both have all.
class RetireTest : public ::testing::Test {
 protected:
  RetireTest() {
    a_.App(
        "INSERT INTO t VALUES(1, 'former'); DELETE FROM t WHERE id = 1;"
        "INSERT INTO t VALUES(2, 'former')");
    b_.ApplyFrom(&a_);
    former_ = a_.self();
    Must(a_.replica().StartIncarnation(Incarnation(2), {}));
  }

  // What all members have, if both nodes are all members and have what the other one has.
  change::ProgressVector Stable(TestReplica* node) {
    change::ProgressVector out = node->replica().progress();
    out.Advance(node->self(), Lseq(kEverything));
    return out;
  }
  void Retire(TestReplica* node) { Must(node->replica().RetireOrigins({}, Stable(node))); }
  // States the retirement, sends it with a new row, and lets both nodes leave the origin out.
  void RetireEverywhere() {
    Retire(&a_);
    a_.App("INSERT INTO t VALUES(3, 'now')");
    b_.ApplyFrom(&a_);
    for (TestReplica* node : {&a_, &b_}) {
      node->Forget();
      Retire(node);
    }
  }
  static bool Names(TestReplica* node, const Origin& origin) {
    return node->replica().progress().map().contains(origin);
  }

  TestReplica a_{1};
  TestReplica b_{2};
  Origin former_;
};

TEST_F(RetireTest, TheVectorsLeaveTheFormerIncarnationOut) {
  ASSERT_TRUE(Names(&a_, former_) && Names(&b_, former_));
  RetireEverywhere();
  EXPECT_FALSE(Names(&a_, former_) || Names(&b_, former_));
  EXPECT_FALSE(b_.replica().collected().map().contains(former_));
  EXPECT_EQ(b_.Rows(), (Strings{"2|'former'", "3|'now'"}));
}

TEST_F(RetireTest, NothingIsLeftOutBeforeTheChangeThatStatesItIsThere) {
  Retire(&a_);
  Retire(&a_);
  EXPECT_TRUE(Names(&a_, former_)) << "the change is not written yet";
  a_.App("INSERT INTO t VALUES(3, 'now')");
  Retire(&a_);
  EXPECT_TRUE(Names(&a_, former_)) << "the change is not published yet";
}

TEST_F(RetireTest, NothingIsLeftOutBeforeAllMembersHaveTheChange) {
  Retire(&a_);
  a_.App("INSERT INTO t VALUES(3, 'now')");
  const auto batch = a_.Publish();
  a_.Forget();
  change::ProgressVector stable = Stable(&a_);
  change::ProgressVector behind;
  for (const auto& [origin, lseq] : stable.map())
    behind.Advance(origin, origin == a_.self() ? Lseq(batch->to.value - 1) : lseq);
  Must(a_.replica().RetireOrigins({}, behind));
  EXPECT_TRUE(Names(&a_, former_));
  Must(a_.replica().RetireOrigins({}, stable));
  EXPECT_FALSE(Names(&a_, former_));
}

TEST_F(RetireTest, ATombstoneKeepsItsOriginNamed) {
  Retire(&a_);
  a_.App("INSERT INTO t VALUES(3, 'now')");
  b_.ApplyFrom(&a_);
  Retire(&b_);
  EXPECT_TRUE(Names(&b_, former_)) << "the tombstone of row 1";
  b_.Forget();
  Retire(&b_);
  EXPECT_FALSE(Names(&b_, former_));
}

TEST_F(RetireTest, ANewNodeIsBroughtUpToDateByARepair) {
  RetireEverywhere();
  a_.App("INSERT INTO t VALUES(4, 'later')");
  b_.ApplyFrom(&a_);
  TestReplica c(3);
  // c has nothing. The deletes that a and b have forgotten make a snapshot necessary, so a repair
  // is refused.
  EXPECT_EQ(b_.Answer(&c).error().code(), ErrorCode::kLogGap);
  auto snapshot = b_.Snapshot();
  c.Merge(snapshot.get());
  EXPECT_EQ(c.Rows(), (Strings{"2|'former'", "3|'now'", "4|'later'"}));
  EXPECT_FALSE(c.replica().retirements()->Of(former_).empty());
  c.App("INSERT INTO t VALUES(5, 'c')");
  const auto batch = c.Publish();
  EXPECT_EQ(b_.Apply(*batch).verdict, Verdict::kReady);
}

TEST_F(RetireTest, ANodeThatLacksTheChangeIsBehind) {
  TestReplica c(3);
  c.App("INSERT INTO t VALUES(9, 'c')");
  const auto early = c.Publish();
  RetireEverywhere();
  const Judgement judged = b_.Apply(*early);
  EXPECT_EQ(judged.verdict, Verdict::kWaits);
  EXPECT_EQ(judged.kind, HoldKind::kStale);
}

TEST_F(RetireTest, ALaterIncarnationRetiresTheOneThatStatedARetirement) {
  RetireEverywhere();
  const Origin second = a_.self();
  Must(a_.replica().StartIncarnation(Incarnation(3), {}));
  Retire(&a_);
  a_.App("INSERT INTO t VALUES(4, 'third')");
  b_.ApplyFrom(&a_);
  for (TestReplica* node : {&a_, &b_}) {
    node->Forget();
    Retire(node);
  }
  EXPECT_FALSE(Names(&a_, second) || Names(&b_, second));
  EXPECT_EQ(a_.replica().progress().map().size(), 0u);
  EXPECT_EQ(b_.replica().progress().map().size(), 1u);
  const auto& known = b_.replica().retirements()->Of(former_);
  ASSERT_EQ(known.size(), 1u);
  EXPECT_EQ(known.front().by, a_.self()) << "rewritten, as the second incarnation is left out";
}

}  // namespace
}  // namespace harmonylite::node
