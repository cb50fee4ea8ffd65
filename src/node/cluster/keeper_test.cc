// The keeper of node 1 with a registry in memory: when it asks for repair, passes requests on, or
// wishes for a snapshot.
#include "node/cluster/keeper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "node/options.h"
#include "support/memory_meta_store.h"

namespace harmonylite::node {
namespace {

constexpr Origin kSelf{NodeId(1), Incarnation(1)};
constexpr Origin kFormer{NodeId(1), Incarnation(7)};  // another incarnation of the node itself
constexpr Origin kTwo{NodeId(2), Incarnation(1)};
constexpr Origin kThree{NodeId(3), Incarnation(1)};

class FakeClock final : public Clock {
 public:
  int64_t WallMs() const override { return 1'700'000'000'000 + monotonic; }
  int64_t MonotonicMs() const override { return monotonic; }
  int64_t monotonic = 1'000'000;
};

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() {
    shared_.SetSelf(kSelf);
    shared_.SetSending(Lseq(99));
    SetApplied({});
  }
  ~KeeperTest() override { close(null_); }

  void SetApplied(std::vector<std::pair<Origin, int64_t>> progress, std::vector<Hold> holds = {},
                  bool caught_up = true) {
    AppliedState applied;
    for (const auto& [origin, lseq] : progress) applied.progress.Advance(origin, Lseq(lseq));
    applied.holds = std::move(holds);
    applied.caught_up = caught_up;
    applied.schema_fingerprint = 77;
    shared_.SetApplied(applied);
  }
  // Puts a heartbeat of a peer, with a new revision, into the registry.
  void Hear(Origin origin, int64_t published, std::vector<std::pair<Origin, int64_t>> progress = {},
            std::optional<NodeId> asks = std::nullopt, uint64_t schema = 77) {
    Heartbeat heartbeat;
    heartbeat.origin = origin;
    heartbeat.session = 5000 + origin.node.value;
    heartbeat.wall_ms = clock_.WallMs();
    heartbeat.published = Lseq(published);
    heartbeat.schema_fingerprint = schema;
    heartbeat.asks = asks;
    for (const auto& [o, lseq] : progress) heartbeat.progress.Advance(o, Lseq(lseq));
    ASSERT_TRUE(store_.Put(HeartbeatKey(origin.node), EncodeHeartbeat(heartbeat)).ok());
  }
  // Lets the next heartbeat become due and the keeper make its step.
  void Beat() {
    clock_.monotonic += kHeartbeatMs;
    keeper_.Step();
  }
  // The heartbeat that the keeper put last.
  Heartbeat Own() {
    return DecodeHeartbeat(store_.entries.at(HeartbeatKey(kSelf.node)).value).value();
  }
  // Calls `peers` before each beat until kRepairPatienceMs has certainly passed. Returns the node
  // that the keeper asks then.
  template <typename Peers>
  std::optional<NodeId> AskedAfterPatience(Peers&& peers) {
    for (int64_t waited = 0; waited <= kRepairPatienceMs + 2 * kHeartbeatMs;
         waited += kHeartbeatMs) {
      peers();
      Beat();
    }
    return Own().asks;
  }

  const int null_ = open("/dev/null", O_WRONLY | O_CLOEXEC);
  FakeClock clock_;
  test::MemoryMetaStore store_;
  SharedState shared_;
  Logger logger_{null_, LogFormat::kConsole, LogLevel::kError};
  Keeper keeper_{{&store_, &shared_, &clock_, &logger_, /*session=*/100}};
};

// No node can ask the new incarnation for what the former one published.
TEST_F(KeeperTest, ANewIncarnationHasPublishedNothing) {
  SetApplied({{kTwo, 5}});
  shared_.SetSelf(kSelf, /*base=*/Lseq(9));
  shared_.SetPublished(kSelf, {Lseq(9), Hlc(1)});
  EXPECT_EQ(keeper_.Step().kind, StepResult::kProgress);
  EXPECT_EQ(Own().published, Lseq(0));
  shared_.SetPublished(kSelf, {Lseq(10), Hlc(2)});
  EXPECT_EQ(shared_.published_as_self(), Lseq(10));
}

TEST_F(KeeperTest, SaysWhereThisNodeStands) {
  SetApplied({{kTwo, 5}});
  shared_.SetPublished(kSelf, {Lseq(9), Hlc(1)});
  EXPECT_EQ(keeper_.Step().kind, StepResult::kProgress);
  const Heartbeat own = Own();
  EXPECT_EQ(own.origin, kSelf);
  EXPECT_EQ(own.session, 100u);
  EXPECT_EQ(own.published, Lseq(9));
  EXPECT_EQ(own.progress.Get(kTwo), Lseq(5));
  EXPECT_EQ(own.schema_fingerprint, 77u);
  EXPECT_EQ(own.wall_ms, clock_.WallMs());
  EXPECT_EQ(own.asks, std::nullopt);
}

TEST_F(KeeperTest, BeatsNoMoreOftenThanDue) {
  keeper_.Step();
  const uint64_t revision = store_.revision;
  clock_.monotonic += kHeartbeatMs - 1;
  EXPECT_EQ(keeper_.Step().kind, StepResult::kIdle);
  EXPECT_EQ(store_.revision, revision);
  clock_.monotonic += 1;
  EXPECT_EQ(keeper_.Step().kind, StepResult::kProgress);
  EXPECT_GT(store_.revision, revision);
}

TEST_F(KeeperTest, AStoreOutOfReachBlocksAndComesBack) {
  store_.broken = true;
  EXPECT_EQ(keeper_.Step().kind, StepResult::kBlocked);
  store_.broken = false;
  Beat();
  EXPECT_EQ(store_.entries.size(), 1u);
}

TEST_F(KeeperTest, AsksWhoeverIsAheadOnceNothingMoves) {
  Hear(kTwo, 10);
  Beat();
  Beat();
  EXPECT_EQ(Own().asks, std::nullopt) << "the log may still bring it";
  EXPECT_EQ(AskedAfterPatience([&] { Hear(kTwo, 10); }), kTwo.node);
  // Progress moves again, so the node no longer asks.
  SetApplied({{kTwo, 7}});
  Hear(kTwo, 10);
  Beat();
  EXPECT_EQ(Own().asks, std::nullopt);
}

TEST_F(KeeperTest, AsksForWhatAnotherHasOfAThird) {
  SetApplied({{kTwo, 10}});
  EXPECT_EQ(AskedAfterPatience([&] { Hear(kTwo, 10, {{kThree, 4}}); }), kTwo.node);
}

TEST_F(KeeperTest, DoesNotAskWhileTheLogIsBeingRead) {
  SetApplied({}, {}, /*caught_up=*/false);
  EXPECT_EQ(AskedAfterPatience([&] { Hear(kTwo, 10); }), std::nullopt);
}

TEST_F(KeeperTest, DoesNotAskWhenNobodyIsAhead) {
  SetApplied({{kTwo, 10}});
  EXPECT_EQ(AskedAfterPatience([&] { Hear(kTwo, 10, {{kSelf, 99}}); }), std::nullopt);
}

TEST_F(KeeperTest, DoesNotAskNodesThatAreSilent) {
  Hear(kTwo, 10);
  Beat();
  for (int i = 0; i < 10; ++i) Beat();
  EXPECT_EQ(Own().asks, std::nullopt);
}

TEST_F(KeeperTest, RepairDoesNotHelpAgainstConstraintsAndClocks) {
  for (const HoldKind kind : {HoldKind::kRefused, HoldKind::kClock}) {
    SetApplied({}, {{kTwo, kind, "why"}});
    EXPECT_EQ(AskedAfterPatience([&] { Hear(kTwo, 10); }), std::nullopt);
  }
  SetApplied({}, {{kTwo, HoldKind::kMissing, "why"}});
  EXPECT_EQ(AskedAfterPatience([&] { Hear(kTwo, 10); }), kTwo.node);
}

// A peer has forgotten deletes that are not applied here.
class ForgetfulPeersTest : public KeeperTest {
 protected:
  void HearForgetful(Origin origin, int64_t published,
                     std::vector<std::pair<Origin, int64_t>> progress,
                     std::vector<std::pair<Origin, int64_t>> collected) {
    Heartbeat heartbeat;
    heartbeat.origin = origin;
    heartbeat.published = Lseq(published);
    heartbeat.schema_fingerprint = 77;
    for (const auto& [o, lseq] : progress) heartbeat.progress.Advance(o, Lseq(lseq));
    for (const auto& [o, lseq] : collected) heartbeat.collected.Advance(o, Lseq(lseq));
    ASSERT_TRUE(store_.Put(HeartbeatKey(origin.node), EncodeHeartbeat(heartbeat)).ok());
  }
};

TEST_F(ForgetfulPeersTest, OnlyASnapshotHelps) {
  SetApplied({{kTwo, 5}});
  EXPECT_EQ(AskedAfterPatience([&] { HearForgetful(kTwo, 10, {}, {{kTwo, 7}}); }), std::nullopt);
  ASSERT_TRUE(shared_.resync_wish().has_value());
  ASSERT_EQ(shared_.resync_wish()->forgotten.size(), 1U);
  EXPECT_EQ(shared_.resync_wish()->forgotten[0].Get(kTwo), Lseq(7));
  EXPECT_TRUE(shared_.behind_forgotten());
  // Once the forgotten deletes are applied here, an ordinary repair is enough.
  SetApplied({{kTwo, 7}});
  EXPECT_EQ(AskedAfterPatience([&] {
              HearForgetful(kTwo, 10, {}, {{kTwo, 7}, {kSelf, 50}});
            }),
            kTwo.node);
  EXPECT_FALSE(shared_.resync_wish().has_value());
  EXPECT_FALSE(shared_.behind_forgotten());
}

TEST_F(ForgetfulPeersTest, WhoHasNotForgottenIsAsked) {
  SetApplied({{kTwo, 5}});
  EXPECT_EQ(AskedAfterPatience([&] {
              HearForgetful(kTwo, 10, {}, {{kTwo, 7}});
              Hear(kThree, 0, {{kTwo, 10}});
            }),
            kThree.node);
  EXPECT_FALSE(shared_.resync_wish().has_value());
}

// An answer of a node that has not applied the deletes forgotten here would be held as stale.
TEST_F(ForgetfulPeersTest, WhoIsBehindIsNotAsked) {
  AppliedState applied;
  applied.caught_up = true;
  applied.progress.Advance(kTwo, Lseq(9));
  applied.collected.Advance(kTwo, Lseq(8));
  shared_.SetApplied(applied);
  EXPECT_EQ(AskedAfterPatience([&] { Hear(kThree, 4, {{kTwo, 7}}); }), std::nullopt);
  EXPECT_EQ(AskedAfterPatience([&] { Hear(kThree, 4, {{kTwo, 8}}); }), kThree.node);
}

TEST_F(ForgetfulPeersTest, ARequestIsNotAnsweredWhereDeletesAreForgotten) {
  AppliedState applied;
  applied.progress.Advance(kTwo, Lseq(9));
  applied.collected.Advance(kSelf, Lseq(8));
  shared_.SetApplied(applied);
  Hear(kTwo, 9, {{kSelf, 7}}, kSelf.node);
  Beat();
  EXPECT_FALSE(shared_.TakeRepairRequest().has_value());
  Hear(kTwo, 9, {{kSelf, 8}}, kSelf.node);
  Beat();
  EXPECT_TRUE(shared_.TakeRepairRequest().has_value());
}

TEST_F(ForgetfulPeersTest, AHoleIsRepairedWhileOtherOriginsMove) {
  int64_t three = 0;
  EXPECT_EQ(
      AskedAfterPatience([&] {
        SetApplied({{kThree, ++three}}, {{kTwo, HoldKind::kMissing, "why"}}, /*caught_up=*/false);
        Hear(kTwo, 10);
        Hear(kThree, three);
      }),
      kTwo.node);
}

TEST_F(ForgetfulPeersTest, AloneWithAGapASnapshotIsLookedFor) {
  SetApplied({}, {{kTwo, HoldKind::kMissing, "why"}});
  for (int64_t waited = 0; waited <= kAlonePatienceMs + 2 * kHeartbeatMs; waited += kHeartbeatMs)
    Beat();
  EXPECT_TRUE(shared_.resync_wish().has_value());
  Hear(kThree, 0);
  Beat();
  EXPECT_FALSE(shared_.resync_wish().has_value());
}

TEST_F(KeeperTest, ARefusedOriginDoesNotKeepOthersFromBeingRepaired) {
  SetApplied({}, {{kTwo, HoldKind::kClock, "why"}});
  EXPECT_EQ(AskedAfterPatience([&] {
              Hear(kTwo, 10);
              Hear(kThree, 4);
            }),
            kThree.node);
  // Node 3 has applied the change that is held here, so its answer would contain it.
  SetApplied({}, {{kTwo, HoldKind::kClock, "why"}});
  EXPECT_EQ(AskedAfterPatience([&] {
              Hear(kTwo, 10);
              Hear(kThree, 5, {{kTwo, 10}});
            }),
            std::nullopt);
}

TEST_F(KeeperTest, UnderASchemaHoldOnlyNodesWithOurSchemaAreAsked) {
  SetApplied({}, {{kTwo, HoldKind::kSchema, "why"}});
  EXPECT_EQ(AskedAfterPatience([&] { Hear(kTwo, 10, {}, std::nullopt, 78); }), std::nullopt);
  EXPECT_EQ(AskedAfterPatience([&] {
              Hear(kTwo, 10, {}, std::nullopt, 78);
              Hear(kThree, 10, {}, std::nullopt, 77);
            }),
            kThree.node);
}

TEST_F(KeeperTest, PassesOnWhatOthersAsk) {
  SetApplied({{kTwo, 3}});
  Hear(kTwo, 5, {{kSelf, 4}, {kThree, 2}}, kSelf.node);
  Beat();
  const auto request = shared_.TakeRepairRequest();
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->Get(kSelf), Lseq(4));
  EXPECT_EQ(request->Get(kThree), Lseq(2));
  EXPECT_EQ(request->Get(kTwo), Lseq(3)) << "what it wrote itself it has";
  // The same request is not passed on again at once; a request with new progress is.
  Hear(kTwo, 5, {{kSelf, 4}, {kThree, 2}}, kSelf.node);
  Beat();
  EXPECT_EQ(shared_.TakeRepairRequest(), std::nullopt);
  Hear(kTwo, 5, {{kSelf, 6}, {kThree, 2}}, kSelf.node);
  Beat();
  EXPECT_TRUE(shared_.TakeRepairRequest().has_value());
  clock_.monotonic += kRepairRepeatMs;
  Hear(kTwo, 5, {{kSelf, 6}, {kThree, 2}}, kSelf.node);
  Beat();
  EXPECT_TRUE(shared_.TakeRepairRequest().has_value());
}

TEST_F(KeeperTest, APeerWithMoreOfOursThanWeEverSentMeansThatThisFileIsACopy) {
  Hear(kTwo, 0, {{kSelf, 99}, {kFormer, 500}});
  Beat();
  EXPECT_FALSE(shared_.incarnation_requested());
  Hear(kTwo, 0, {{kSelf, 100}});
  Beat();
  EXPECT_TRUE(shared_.incarnation_requested());
}

TEST_F(KeeperTest, AsksOfOthersAreNotOurs) {
  Hear(kTwo, 5, {}, kThree.node);
  Beat();
  EXPECT_EQ(shared_.TakeRepairRequest(), std::nullopt);
}

TEST_F(KeeperTest, UnreadableEntriesAreNobody) {
  ASSERT_TRUE(store_.Put("node.2", "something else").ok());
  Beat();
  EXPECT_EQ(Own().asks, std::nullopt);
  EXPECT_FALSE(keeper_.rivalled());
}

TEST_F(KeeperTest, TablesOfOthersAreNoticedWhereNothingIsReplicated) {
  AppliedState none;
  none.caught_up = true;
  shared_.SetApplied(none);
  const auto after_patience = [&](uint64_t schema, bool beats) {
    for (int64_t waited = 0; waited <= kTablesPatienceMs + 2 * kHeartbeatMs;
         waited += kHeartbeatMs) {
      if (beats) Hear(kTwo, 0, {}, std::nullopt, schema);
      Beat();
    }
    return shared_.tables_elsewhere();
  };
  // An entry that does not move may belong to a node that is gone.
  Hear(kTwo, 0);
  EXPECT_FALSE(after_patience(77, /*beats=*/false));
  EXPECT_FALSE(after_patience(none.schema_fingerprint, true));
  EXPECT_TRUE(after_patience(77, true));
  // Node 2 falls silent.
  for (int64_t waited = 0; waited <= kPeerSilentMs; waited += kHeartbeatMs) Beat();
  EXPECT_FALSE(shared_.tables_elsewhere());
  EXPECT_TRUE(after_patience(77, true));
  // The application creates tables on this node.
  SetApplied({});
  Beat();
  EXPECT_FALSE(shared_.tables_elsewhere());
}

}  // namespace
}  // namespace harmonylite::node
