// Which node makes snapshots, and when.
#include "node/recovery/snapshot_keeper.h"

#include <gtest/gtest.h>

#include "ledger/fingerprint.h"
#include "node/recovery/snapshot_test_util.h"
#include "support/result_matchers.h"

namespace harmonylite::node {
namespace {

using sqlite::Must;

TEST_F(SnapshotKeeperTest, OneOfSeveralMakesThemByInterval) {
  const SnapshotPolicy policy{60'000, kTtl, 1000, 3};
  Maker *one = New(1, policy), *two = New(2, policy);
  Pass(5'000, {one, two});
  EXPECT_EQ(one->board.done(), 1);
  Pass(120'000, {one, two});
  EXPECT_EQ(one->board.done(), 3);
  EXPECT_EQ(two->board.done(), 0);
}

TEST_F(SnapshotKeeperTest, TheLeaseMovesOnWhenItsHolderIsSilentAndNotBefore) {
  Maker *one = New(1), *two = New(2);
  Pass(10'000, {one, two});
  ASSERT_TRUE(one->board.leading());
  // The lease was last renewed up to a third of its time to live ago.
  Pass(kTtl / 3 * 2 - 2'000, {two});
  EXPECT_FALSE(two->board.leading());
  Pass(kTtl / 3 + 4'000, {two});
  EXPECT_TRUE(two->board.leading());
  // After its pause the former holder notices that the lease is lost, and gives up the snapshot
  // that it was making.
  one->board.Want("a test");
  one->keeper->Step();
  EXPECT_FALSE(one->board.leading());
  EXPECT_TRUE(one->board.activity().transfer.cancelled);
}

TEST_F(SnapshotKeeperTest, AHolderThatCannotRenewLetsGoBeforeOthersTake) {
  Maker *one = New(1), *two = New(2);
  Pass(10'000, {one, two});
  meta_.broken = true;
  for (int64_t passed = 0; passed < 2 * kTtl; passed += 1000) {
    Pass(1000, {one, two});
    EXPECT_FALSE(one->board.leading() && two->board.leading());
  }
  EXPECT_FALSE(one->board.leading());
}

TEST_F(SnapshotKeeperTest, ANodeThatEndsFreesItAtOnce) {
  Maker *one = New(1), *two = New(2);
  Pass(10'000, {one, two});
  one->keeper->Release();
  Pass(2'000, {two});
  EXPECT_TRUE(two->board.leading());
}

TEST_F(SnapshotKeeperTest, ANodeThatHoldsChangesBackLeadsOnlyIfNobodyElseDoes) {
  Maker *one = New(1), *two = New(2);
  one->SetHolding(true);
  Pass(10'000, {one});
  EXPECT_FALSE(one->board.leading());
  Pass(2'000, {one, two});
  EXPECT_TRUE(two->board.leading());
  two->SetHolding(true);
  one->SetHolding(false);
  Pass(2 * kTtl, {one, two});
  EXPECT_TRUE(one->board.leading());
}

TEST_F(SnapshotKeeperTest, ANodeThatWaitsForOthersThatAreBehindMakesThemForThese) {
  Maker *one = New(1), *two = New(2);
  one->SetHolding(true, HoldKind::kStale);
  two->shared.SetResyncWish(ResyncWish{});
  Pass(8 * kTtl, {one, two});
  EXPECT_TRUE(one->board.leading());
}

TEST_F(SnapshotKeeperTest, ANodeThatIsBehindMakesNoneUnasked) {
  Maker *one = New(1, {30'000, kTtl, 1000, 3});
  one->shared.SetResyncWish(ResyncWish{});
  Pass(8 * kTtl, {one});
  EXPECT_EQ(one->board.done(), 0);
  one->shared.SetResyncWish({});
  Pass(60'000, {one});
  EXPECT_GT(one->board.done(), 0);
}

TEST_F(SnapshotKeeperTest, ARequestIsAnsweredOnce) {
  Maker *one = New(1);
  Pass(5'000, {one});
  EXPECT_EQ(one->board.done(), 0);
  Must(meta_.Put(kSnapshotRequest, "node 9"));
  Pass(20'000, {one});
  EXPECT_EQ(one->board.done(), 1);
  EXPECT_FALSE(meta_.entries.contains(kSnapshotRequest));
}

TEST_F(SnapshotKeeperTest, ANodeThatNeedsOneLetsAnotherMakeIt) {
  Maker *one = New(1), *two = New(2);
  Pass(5'000, {one, two});
  ASSERT_TRUE(one->board.leading());
  one->shared.SetResyncWish(ResyncWish{});
  Must(meta_.Put(kSnapshotRequest, ResyncRequest(NodeId(1))));
  Pass(2 * kTtl, {one, two});
  EXPECT_EQ(one->board.done(), 0);
  EXPECT_EQ(two->board.done(), 1);
  EXPECT_FALSE(meta_.entries.contains(kSnapshotRequest));
}

TEST_F(SnapshotKeeperTest, NodesThatNeedEachOthersMakeThemInTurns) {
  Maker *one = New(1), *two = New(2);
  one->shared.SetResyncWish(ResyncWish{});
  two->shared.SetResyncWish(ResyncWish{});
  Must(meta_.Put(kSnapshotRequest, ResyncRequest(NodeId(1))));
  Pass(8 * kTtl, {one, two});
  EXPECT_EQ(one->board.done(), 0);
  EXPECT_EQ(two->board.done(), 1);
  Must(meta_.Put(kSnapshotRequest, ResyncRequest(NodeId(2))));
  Pass(8 * kTtl, {one, two});
  EXPECT_EQ(one->board.done(), 1);
  EXPECT_EQ(two->board.done(), 1);
}

TEST_F(SnapshotKeeperTest, BeforeTheLogForgets) {
  Maker *one = New(1);
  log_.state.last = ports::LogSeq(499);
  Pass(10'000, {one});
  EXPECT_EQ(one->board.done(), 0);
  log_.state.last = ports::LogSeq(500);
  one->shared.CountSent(1, 1);  // the keeper looks at the log only if batches were sent or applied
  Pass(10'000, {one});
  EXPECT_EQ(one->board.done(), 1);
  // The new snapshot has the old cursor. That alone must not cause snapshot after snapshot.
  Pass(60'000, {one});
  EXPECT_EQ(one->board.done(), 1);
}

TEST_F(SnapshotKeeperTest, FailuresAreSpacedOutAndShownAndThenAnotherTries) {
  Maker *one = New(1), *two = New(2);
  Pass(5'000, {one, two});
  store_.put_error = {ErrorCode::kRetryLater, "the disk is full"};
  Must(meta_.Put(kSnapshotRequest, "node 9"));
  Pass(10'000, {one, two});
  EXPECT_GT(one->board.failed(), 1);
  EXPECT_NE(one->board.last_error().find("the disk is full"), std::string::npos);
  EXPECT_NE(Must(Lease::NoteOf(&meta_, kSnapshotLease)).find("the disk is full"),
            std::string::npos);
  Pass(4 * kTtl, {one, two});
  EXPECT_GT(two->board.failed(), 0);
  EXPECT_LT(one->board.failed() + two->board.failed(), 20);
  store_.put_error.reset();
  Pass(4 * kTtl, {one, two});
  EXPECT_EQ(one->board.done() + two->board.done(), 1);
}

// A snapshot's own changes must be in the log: another life of this file may have given their
// numbers to other changes.
TEST_F(SnapshotKeeperTest, OneWithUnpublishedChangesWaitsForTheLog) {
  Maker *one = New(1);
  one->publishes = false;
  one->node.App("INSERT INTO t VALUES(1, 'one'), (2, 'two')");
  const Lseq all = one->node.newest();
  one->board.Want("a test");
  Pass(5'000, {one});
  EXPECT_TRUE(one->maker->waiting() && one->shared.snapshot_waits());
  one->shared.SetPublished(one->shared.self(), {Lseq(all.value - 1), Hlc(1)});
  one->node.App("INSERT INTO t VALUES(3, 'not in it')");
  Pass(5'000, {one});
  EXPECT_EQ(one->board.done(), 0);
  one->shared.SetPublished(one->shared.self(), {all, Hlc(2)});
  Pass(1'000, {one});
  EXPECT_EQ(one->board.done(), 1);
  EXPECT_FALSE(one->maker->waiting() || one->shared.snapshot_waits());
  EXPECT_EQ(one->board.newest()->manifest.progress.Get(one->node.self), all);
}

TEST_F(SnapshotKeeperTest, OneThatTheLogNeverTakesIsGivenUpAndSaidWhy) {
  Maker *one = New(1);
  one->publishes = false;
  one->node.App("INSERT INTO t VALUES(1, 'one'), (2, 'two')");
  const Lseq all = one->node.newest();
  one->board.Want("a test");
  Pass(kSnapshotPublishMs, {one});
  one->shared.SetPublished(one->shared.self(), {Lseq(all.value - 1), Hlc(1)});
  Pass(kSnapshotPublishMs, {one});
  EXPECT_EQ(one->board.failed(), 0);
  Pass(5'000, {one});
  EXPECT_EQ(one->board.failed(), 1);
  EXPECT_NE(one->board.last_error().find("the newest 1 changes of this node"), std::string::npos);
  EXPECT_FALSE(one->maker->waiting() || one->shared.snapshot_waits());
  // A snapshot that waits is given up, too, when it is cancelled because another node has the
  // lease.
  one->board.Want("a test");
  Pass(2'000, {one});
  one->board.Cancel();
  Pass(1'000, {one});
  EXPECT_EQ(one->board.failed(), 2);
  EXPECT_TRUE(store_.objects.empty());
}

TEST_F(SnapshotKeeperTest, OneOfAFileThatWasACopyIsMadeAnew) {
  Maker *one = New(1);
  one->publishes = false;
  one->node.App("INSERT INTO t VALUES(1, 'one')");
  one->board.Want("a test");
  Pass(2'000, {one});
  // The log has taken a different change 1 of this origin, so the node starts a new incarnation.
  const Origin other{one->node.self.node, Incarnation(one->node.self.incarnation.value + 1)};
  ledger::State state = Must(ledger::LoadState(&one->node.db));
  Must(ledger::StartIncarnation(&one->node.db, &state, other.incarnation, state.published_to,
                                /*read_again=*/true));
  one->shared.SetSelf(other);
  Pass(2'000, {one});
  EXPECT_EQ(one->board.done(), 0);
  one->shared.SetPublished(one->shared.self(), {one->node.newest(), Hlc(1)});
  Pass(2'000, {one});
  ASSERT_EQ(one->board.done(), 1);
  EXPECT_EQ(one->board.newest()->manifest.maker, other);
  EXPECT_EQ(one->board.newest()->manifest.progress.Get(one->node.self), Lseq(0));
}

TEST_F(SnapshotKeeperTest, ANodeWithoutTablesNeverMakesThem) {
  const SnapshotPolicy policy{10'000, kTtl, 1000, 3};
  Maker *one = New(1, policy), *two = New(2, policy);
  one->fingerprint = ledger::kNoTables;
  one->SetHolding(false);
  Must(meta_.Put(kSnapshotRequest, "node 9"));
  Pass(8 * kTtl, {one});
  EXPECT_EQ(one->board.done() + one->board.failed(), 0);
  EXPECT_FALSE(meta_.entries.contains(kSnapshotLease));
  Pass(5'000, {one, two});
  EXPECT_TRUE(two->board.leading());
  EXPECT_EQ(two->board.done(), 1);
  // When the holder's tables are dropped, a node that has tables takes over at once.
  two->fingerprint = ledger::kNoTables;
  two->SetHolding(false);
  one->fingerprint = 1;
  one->SetHolding(false);
  Pass(3'000, {two, one});
  EXPECT_TRUE(one->board.leading());
}

TEST_F(SnapshotKeeperTest, ARequestIsAnsweredThoughTheStoreCannotBeRead) {
  Maker *one = New(1);
  one->board.Want("a test");
  one->StepMaker();
  // The node's next process has not looked into the store yet.
  Maker *two = New(2);
  store_.silent = {one->board.newest()->name + std::string(snapshot::kManifestSuffix)};
  Must(meta_.Put(kSnapshotRequest, "node 3"));
  Pass(10'000, {two});
  EXPECT_EQ(two->board.done(), 1);
  EXPECT_FALSE(meta_.entries.contains(kSnapshotRequest));
}

}  // namespace
}  // namespace harmonylite::node
