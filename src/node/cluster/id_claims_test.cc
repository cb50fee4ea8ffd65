// Nodes that claim slots of ids in one registry.
#include "node/cluster/id_claims.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "node/cluster/heartbeat.h"
#include "support/memory_meta_store.h"

namespace harmonylite::node {
namespace {

constexpr ledger::IdLayout kLayout{16, 4};
constexpr Lseq kLast(30);

class FakeClock final : public Clock {
 public:
  int64_t WallMs() const override { return 1'700'000'000'000 + monotonic; }
  int64_t MonotonicMs() const override { return monotonic; }
  int64_t monotonic = 1'000'000;
};

// A node without a file: what its consumer would write there is kept by Write().
class Claimant {
 public:
  Claimant(uint64_t node, test::MemoryMetaStore* store, FakeClock* clock, Logger* logger,
           ledger::IdLayout layout = kLayout)
      : self{NodeId(node), Incarnation(1)},
        claims_({store, &shared, clock, logger, layout}),
        store_(store),
        clock_(clock) {
    shared.SetSelf(self);
  }
  void Step() {
    clock_->monotonic += kHeartbeatMs;
    if (beats) store_->Put(HeartbeatKey(self.node), EncodeHeartbeat({.origin = self})).value();
    result = claims_.Step();
  }
  // What the consumer does with a claim.
  void Write() {
    const auto claim = shared.claimed_ids().Get().claim;
    if (claim && claim->holder == self)
      shared.file_ids().Update([&](FileIds& ids) { ids.share = claim->share; });
  }
  int64_t StepAndWrite() {
    Step();
    Write();
    return slot();
  }
  // The slot that the file has; -1: none, or one that was only drawn.
  int64_t slot() const {
    const auto share = shared.file_ids().Get().share;
    return share && share->claimed ? share->slot : -1;
  }
  // Begins another incarnation, which draws slot 3.
  void Restart() {
    self.incarnation = Incarnation(self.incarnation.value + 1);
    shared.file_ids().Update([&](FileIds& ids) { ids.share = ledger::IdShare{kLayout, 3, false}; });
    shared.SetSelf(self);
  }
  // What this node has applied of `origin`, and whether its end is known and who stated it.
  void Know(const Origin& origin, Lseq applied_to, std::optional<NodeId> stated_by) {
    AppliedState applied = shared.applied();
    applied.caught_up = true;
    applied.self = self;
    if (applied_to > Lseq(0)) applied.progress.Advance(origin, applied_to);
    auto known = std::make_shared<change::Retirements>(*applied.retirements);
    if (stated_by) known->Add({origin, kLast, {*stated_by, Incarnation(9)}, Lseq(1)});
    applied.retirements = known;
    shared.SetApplied(applied);
  }

  Origin self;
  SharedState shared;
  StepResult result;
  bool beats = false;  // true: it puts heartbeats

 private:
  IdClaims claims_;
  test::MemoryMetaStore* store_;
  FakeClock* clock_;
};

class IdClaimsTest : public testing::Test {
 protected:
  ~IdClaimsTest() override { close(null_); }
  // Takes all slots, in the order of the nodes.
  void TakeAll() {
    for (Claimant* node : {&one_, &two_, &three_, &four_}) node->StepAndWrite();
  }
  int64_t Revision(int64_t slot) {
    return static_cast<int64_t>(store_.entries[IdClaimKey(kLayout, slot)].revision);
  }

  int null_ = open("/dev/null", O_WRONLY);
  Logger logger_{null_, LogFormat::kConsole, LogLevel::kError};
  FakeClock clock_;
  test::MemoryMetaStore store_;
  Claimant one_{1, &store_, &clock_, &logger_};
  Claimant two_{2, &store_, &clock_, &logger_};
  Claimant three_{3, &store_, &clock_, &logger_};
  Claimant four_{4, &store_, &clock_, &logger_};
  Claimant five_{5, &store_, &clock_, &logger_};
};

TEST_F(IdClaimsTest, EachNodeHasASlotOfItsOwn) {
  EXPECT_EQ(one_.StepAndWrite(), 0);
  EXPECT_EQ(two_.StepAndWrite(), 1);
  EXPECT_EQ(one_.StepAndWrite(), 0);
  EXPECT_EQ(store_.entries.size(), 2u);
}

TEST_F(IdClaimsTest, AClaimThatTheFileLacksIsTakenUpAgain) {
  one_.Step();  // the process ends before the consumer takes it
  Claimant again(1, &store_, &clock_, &logger_);
  EXPECT_EQ(again.StepAndWrite(), 0);
  EXPECT_EQ(store_.entries.size(), 1u);
}

TEST_F(IdClaimsTest, TheSlotThatWasDrawnIsKeptIfItIsFree) {
  one_.Restart();
  EXPECT_EQ(one_.StepAndWrite(), 3);
  two_.Restart();
  EXPECT_EQ(two_.StepAndWrite(), 0);
}

TEST_F(IdClaimsTest, WithoutARegistryNothingIsClaimed) {
  store_.broken = true;
  EXPECT_EQ(one_.StepAndWrite(), -1);
  EXPECT_EQ(one_.result.kind, StepResult::kBlocked);
  store_.broken = false;
  EXPECT_EQ(one_.StepAndWrite(), 0);
}

TEST_F(IdClaimsTest, WhatLagsBehindTheRegistryMisleadsNobody) {
  EXPECT_EQ(one_.StepAndWrite(), 0);
  store_.lags = true;
  EXPECT_EQ(one_.StepAndWrite(), 0) << "its own claim";
  EXPECT_EQ(one_.shared.claimed_ids().Get().lost_slots, 0);
  EXPECT_EQ(two_.StepAndWrite(), 1) << "the claim of another node";
}

TEST_F(IdClaimsTest, AnEntryThatTheRegistryLostIsWrittenAgain) {
  one_.StepAndWrite();
  two_.StepAndWrite();
  store_.entries.clear();
  EXPECT_EQ(two_.StepAndWrite(), 1);
  EXPECT_EQ(one_.StepAndWrite(), 0);
  EXPECT_EQ(one_.shared.claimed_ids().Get().lost_slots + two_.shared.claimed_ids().Get().lost_slots,
            0);
}

TEST_F(IdClaimsTest, ASlotThatAnotherNodeHasClaimedMeanwhileIsLost) {
  one_.StepAndWrite();
  store_.entries.clear();
  EXPECT_EQ(two_.StepAndWrite(), 0);
  EXPECT_EQ(one_.StepAndWrite(), 1);
  EXPECT_EQ(one_.shared.claimed_ids().Get().lost_slots, 1);
  EXPECT_EQ(two_.StepAndWrite(), 0);
}

TEST_F(IdClaimsTest, AnEntryThatCannotBeReadIsSomebodys) {
  store_.Put(IdClaimKey(kLayout, 0), "harmonylite-ids 1\nholder 18446744073709551616 1\n").value();
  store_.Put(IdClaimKey(kLayout, 1), "").value();
  EXPECT_EQ(one_.StepAndWrite(), 2);
  EXPECT_EQ(two_.StepAndWrite(), 3);
}

TEST_F(IdClaimsTest, WithoutAFreeSlotTheNodeSaysSo) {
  TakeAll();
  EXPECT_EQ(five_.StepAndWrite(), -1);
  EXPECT_NE(five_.shared.claimed_ids().Get().problem.find("all 4 slots"), std::string::npos);
}

TEST_F(IdClaimsTest, ASlotIsTakenOverWhenItsHolderIsDone) {
  TakeAll();
  five_.Know(two_.self, kLast, std::nullopt);
  EXPECT_EQ(five_.StepAndWrite(), -1) << "it may go on writing";
  five_.Know(two_.self, kLast, two_.self.node);
  EXPECT_EQ(five_.StepAndWrite(), 1);
  EXPECT_EQ(five_.shared.claimed_ids().Get().problem, "");
}

TEST_F(IdClaimsTest, NodesThatAreGoneComeLast) {
  TakeAll();
  MembershipReport report;
  report.members[one_.self.node].evicted = true;
  five_.shared.SetMembership(report);
  five_.Know(one_.self, kLast, three_.self.node);
  five_.Know(two_.self, kLast, two_.self.node);
  EXPECT_EQ(five_.StepAndWrite(), 1);
}

TEST_F(IdClaimsTest, ANodeThatIsGoneLosesItsSlotOnlyWhileItIsGone) {
  TakeAll();
  const auto gone = [&](bool evicted) {
    MembershipReport report;
    report.members[two_.self.node].evicted = evicted;
    five_.shared.SetMembership(report);
  };
  five_.Know(two_.self, kLast, one_.self.node);
  gone(false);
  EXPECT_EQ(five_.StepAndWrite(), -1);
  gone(true);
  EXPECT_EQ(five_.StepAndWrite(), 1);
  // It comes back, and others still know that somebody said it was gone.
  two_.Know(five_.self, kLast, one_.self.node);
  EXPECT_EQ(two_.StepAndWrite(), -1) << "it gives up its slot, and has none";
  EXPECT_EQ(two_.shared.claimed_ids().Get().lost_slots, 1);
  EXPECT_EQ(two_.StepAndWrite(), -1);
  EXPECT_EQ(two_.shared.claimed_ids().Get().lost_slots, 1) << "counted once";
  EXPECT_EQ(five_.StepAndWrite(), 1);
}

TEST_F(IdClaimsTest, ARestartedNodeTakesItsFormerSlotIfThatIsDone) {
  one_.StepAndWrite();
  const Origin former = one_.self;
  one_.Restart();
  one_.Know(former, kLast, one_.self.node);
  EXPECT_EQ(one_.StepAndWrite(), 0);
}

TEST_F(IdClaimsTest, SlotsOfLivesThatSentNothingAreFreed) {
  one_.StepAndWrite();
  one_.Restart();
  one_.beats = true;
  EXPECT_EQ(one_.StepAndWrite(), 3);
  for (int look = 0; look < 10; ++look) one_.Step();
  EXPECT_EQ(two_.StepAndWrite(), 1) << "the log is not read to its end";
  one_.Know(one_.self, Lseq(0), std::nullopt);
  one_.Step();
  EXPECT_EQ(three_.StepAndWrite(), 0);
}

// The former life may go on with the original of a file that was copied.
TEST_F(IdClaimsTest, NothingIsFreedBesideANamesakeThatLives) {
  one_.StepAndWrite();
  Claimant copy(1, &store_, &clock_, &logger_);
  copy.Restart();
  copy.beats = one_.beats = true;
  copy.Know(copy.self, Lseq(0), std::nullopt);
  EXPECT_EQ(copy.StepAndWrite(), 3);
  Heartbeat beat_of_one;
  beat_of_one.origin = one_.self;
  for (int look = 0; look < 4; ++look) {
    for (int beat = 0; beat < 3; ++beat) copy.Step();
    one_.Step();
    store_.Put(HeartbeatKey(one_.self.node), EncodeHeartbeat(beat_of_one)).value();
    copy.beats = false;
    copy.Step();  // sees the heartbeat of the other
    copy.beats = true;
  }
  EXPECT_EQ(two_.StepAndWrite(), 1) << "slot 0 is not free";
}

TEST_F(IdClaimsTest, AnotherLayoutIsAnotherSetOfSlots) {
  one_.StepAndWrite();
  Claimant other(6, &store_, &clock_, &logger_, {32, 4});
  other.Step();
  EXPECT_EQ(other.shared.claimed_ids().Get().claim->share, (ledger::IdShare{{32, 4}, 0, true}));
  // The numbers of a node were changed: it gives up what it had claimed by the former ones.
  Claimant again(1, &store_, &clock_, &logger_, {32, 4});
  again.Step();
  EXPECT_EQ(store_.entries[IdClaimKey(kLayout, 0)].value, EncodeIdClaim(ledger::kNobody));
}

}  // namespace
}  // namespace harmonylite::node
