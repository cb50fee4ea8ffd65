// A node that goes on as a new incarnation: which of the changes that it has sent belong to the
// former one, and which are sent again.
#include <gtest/gtest.h>

#include "node/replication/replica_test_util.h"
#include "support/result_matchers.h"

namespace harmonylite::node {
namespace {

// Node 1 has sent one row in this process, and no other node has applied it.
class IncarnationTest : public testing::Test {
 protected:
  void SetUp() override {
    one.App("INSERT INTO t VALUES(1, 'one')");
    sent = one.Publish()->to;
    former = one.self();
  }

  TestReplica one{1};
  TestReplica two{2};
  Lseq sent;
  Origin former;
};

TEST_F(IncarnationTest, WhatWasSentBelongsToTheFormerLife) {
  EXPECT_OK(one.replica().StartIncarnation(Incarnation(2), {}));
  EXPECT_EQ(one.replica().state().incarnation_base, sent);
  EXPECT_EQ(one.replica().progress().Get(former), sent);
}

TEST_F(IncarnationTest, WhereNumbersAreSharedItIsSentAgain) {
  EXPECT_OK(one.replica().StartIncarnation(Incarnation(2), {.numbers_shared = true}));
  EXPECT_EQ(one.replica().state().incarnation_base, Lseq(0));
  EXPECT_EQ(one.replica().progress().Get(former), Lseq(0));
  // The row is sent under the new origin. Other nodes may know other changes under the numbers of
  // the former one, so they would skip it there.
  auto answer = one.Answer(&two);
  ASSERT_TRUE(answer.ok() && answer->has_value());
  ASSERT_EQ((*answer)->header.covers.size(), 1u);
  EXPECT_EQ((*answer)->header.covers[0].origin, one.self());
  EXPECT_EQ(two.Apply(**answer).verdict, Verdict::kReady);
  EXPECT_EQ(two.Query("SELECT id, a FROM t"), (Strings{"1|'one'"}));
}

// A restored file does not know what its former life has published.
TEST_F(IncarnationTest, AWriteThatIsSentAgainIsNoConflict) {
  TestReplica old{3};
  auto first = one.Answer(&old);
  ASSERT_TRUE(first.ok() && first->has_value());
  EXPECT_EQ(old.Apply(**first).verdict, Verdict::kReady);
  EXPECT_OK(one.replica().StartIncarnation(Incarnation(2), {.numbers_shared = true}));
  auto again = one.Answer(&two);
  ASSERT_TRUE(again.ok() && again->has_value());
  EXPECT_EQ(old.Apply(**again).verdict, Verdict::kReady);
  EXPECT_EQ(old.Query("SELECT count(*) FROM __harmonylite__conflicts"), Strings{"0"});
  EXPECT_EQ(old.Query("SELECT id, a FROM t"), (Strings{"1|'one'"}));
}

// Tombstones that are forgotten cannot be sent again, and every member has had them.
TEST_F(IncarnationTest, WhereNumbersAreSharedWhatIsForgottenStaysTheFormerLifes) {
  one.App("DELETE FROM t");
  const Lseq deleted = one.Publish()->to;
  ASSERT_EQ(one.Forget(), 1);
  EXPECT_OK(one.replica().StartIncarnation(Incarnation(2), {.numbers_shared = true}));
  EXPECT_EQ(one.replica().collected().Get(former), deleted);
  EXPECT_EQ(one.replica().progress().Get(former), deleted);
}

TEST_F(IncarnationTest, TheLogIsReadFromItsStartOnlyWhereItHoldsMore) {
  one.replica().SetCursor(ports::LogSeq(5), 1);
  EXPECT_OK(one.replica().StartIncarnation(Incarnation(2), {}));
  EXPECT_EQ(one.replica().state().cursor, 5u);
  EXPECT_OK(one.replica().StartIncarnation(Incarnation(3), {.read_log_again = true}));
  EXPECT_EQ(one.replica().state().cursor, 0u);
}

}  // namespace
}  // namespace harmonylite::node
