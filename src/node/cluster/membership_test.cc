// Membership as node 1 sees it: what is stable, who is evicted, and when a heartbeat counts.
#include "node/cluster/membership.h"

#include <gtest/gtest.h>

#include "node/options.h"

namespace harmonylite::node {
namespace {

using change::ProgressVector;

constexpr Origin kSelf{NodeId(1), Incarnation(1)};
constexpr Origin kTwo{NodeId(2), Incarnation(1)};
constexpr Origin kTwoAgain{NodeId(2), Incarnation(9)};
constexpr Origin kThree{NodeId(3), Incarnation(1)};
constexpr Origin kDead{NodeId(4), Incarnation(1)};
constexpr int64_t kHorizon = 1'000'000;
constexpr int64_t kWall = 1'700'000'000'000;

// A progress vector with these entries.
ProgressVector At(std::vector<std::pair<Origin, int64_t>> entries) {
  ProgressVector out;
  for (const auto& [origin, lseq] : entries) out.Advance(origin, Lseq(lseq));
  return out;
}

class MembershipTest : public testing::Test {
 protected:
  void Hear(Origin origin, std::optional<int64_t> journaled, ProgressVector progress) {
    Heartbeat heartbeat;
    heartbeat.origin = origin;
    if (journaled) heartbeat.journaled = Lseq(*journaled);
    heartbeat.progress = std::move(progress);
    members_.Hear(heartbeat, now_, kWall + now_);
  }
  std::optional<ProgressVector> Stable(const ProgressVector& progress) {
    return members_.Weigh(progress, {}, kSelf, now_, kWall + now_, &events_).stable;
  }
  // Lets so much time pass that a node may be evicted.
  void Listen() {
    Stable({});
    now_ += kListenBeforeEvictingMs;
  }

  Membership members_{kHorizon, {}};
  int64_t now_ = 5'000;  // monotonic, in milliseconds
  std::vector<Membership::Event> events_;
};

TEST_F(MembershipTest, AloneEverythingAppliedIsStable) {
  EXPECT_EQ(Stable(At({{kDead, 5}})), std::nullopt) << "others may not have been heard yet";
  Listen();
  const auto stable = Stable(At({{kDead, 5}}));
  ASSERT_TRUE(stable);
  EXPECT_EQ(stable->Get(kDead), Lseq(5));
  EXPECT_EQ(stable->Get(kSelf), Lseq(INT64_MAX));
}

TEST_F(MembershipTest, TheLeastOfWhatAllMembersHave) {
  Listen();
  Hear(kTwo, 20, At({{kSelf, 7}, {kThree, 30}, {kDead, 4}}));
  Hear(kThree, 30, At({{kSelf, 9}, {kTwo, 15}}));
  const auto stable = Stable(At({{kTwo, 20}, {kThree, 30}, {kDead, 5}}));
  ASSERT_TRUE(stable);
  EXPECT_EQ(*stable, At({{kSelf, 7}, {kTwo, 15}, {kThree, 30}, {kDead, 0}}));
}

TEST_F(MembershipTest, AHeartbeatCountsOnceWeHaveAllThatItNames) {
  Listen();
  Hear(kTwo, 20, At({{kSelf, 7}, {kThree, 3}}));
  EXPECT_EQ(Stable(At({{kTwo, 19}, {kThree, 3}})), std::nullopt) << "it had journaled more";
  EXPECT_EQ(Stable(At({{kTwo, 20}, {kThree, 2}})), std::nullopt) << "it had applied more";
  // A newer heartbeat does not replace the one that this node is about to catch up with.
  Hear(kTwo, 90, At({{kSelf, 8}, {kThree, 50}}));
  EXPECT_EQ(Stable(At({{kTwo, 20}, {kThree, 3}})).value().Get(kSelf), Lseq(7));
  // The confirmed heartbeat stays true when newer ones arrive.
  EXPECT_EQ(Stable(At({{kTwo, 21}, {kThree, 3}})).value().Get(kSelf), Lseq(7));
  EXPECT_EQ(Stable(At({{kTwo, 90}, {kThree, 50}})).value().Get(kSelf), Lseq(8));
}

TEST_F(MembershipTest, AnotherLifeStartsAnew) {
  Listen();
  Hear(kTwo, 20, At({{kSelf, 7}}));
  EXPECT_TRUE(Stable(At({{kTwo, 20}})));
  Hear(kTwoAgain, 5, At({{kSelf, 2}, {kTwo, 10}}));
  EXPECT_EQ(Stable(At({{kTwo, 20}})), std::nullopt);
  EXPECT_EQ(Stable(At({{kTwo, 20}, {kTwoAgain, 5}})).value().Get(kSelf), Lseq(2));
}

TEST_F(MembershipTest, AnEarlierBuildIsAMemberWhoseStateIsNotKnown) {
  Listen();
  Hear(kTwo, std::nullopt, At({{kSelf, 7}}));
  EXPECT_EQ(Stable(At({{kTwo, 20}})), std::nullopt);
}

TEST_F(MembershipTest, ASilentMemberIsWaitedForUntilTheHorizon) {
  Listen();
  Hear(kTwo, 0, At({{kSelf, 7}}));
  Hear(kThree, 0, At({{kSelf, 1}}));
  EXPECT_EQ(Stable({}).value().Get(kSelf), Lseq(1));
  now_ += kHorizon;
  Hear(kTwo, 0, At({{kSelf, 8}}));
  EXPECT_EQ(Stable({}).value().Get(kSelf), Lseq(1));
  EXPECT_TRUE(events_.empty());
  now_ += 1;
  EXPECT_EQ(Stable({}).value().Get(kSelf), Lseq(8));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].node, kThree.node);
  EXPECT_TRUE(events_[0].evicted);
  Hear(kThree, 0, At({{kSelf, 1}}));
  EXPECT_EQ(Stable({}).value().Get(kSelf), Lseq(1));
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_FALSE(events_[1].evicted);
}

TEST_F(MembershipTest, WhoDoesNotListenEvictsNobody) {
  Listen();
  Hear(kTwo, 0, At({{kSelf, 7}}));
  EXPECT_TRUE(Stable({}));
  members_.Deaf();
  now_ += 10 * kHorizon;
  EXPECT_EQ(Stable({}), std::nullopt);
  EXPECT_TRUE(events_.empty());
  now_ += kListenBeforeEvictingMs - 1;
  EXPECT_EQ(Stable({}), std::nullopt);
  now_ += 1;
  EXPECT_TRUE(Stable({}));
  EXPECT_EQ(events_.size(), 1u);
}

TEST_F(MembershipTest, MembersOfTheFileAreWaitedFor) {
  members_ = Membership(kHorizon, {{kTwo.node, {kWall, false}},
                                   {kThree.node, {kWall - kHorizon, false}},
                                   {kSelf.node, {kWall, false}}});
  Listen();
  // Node 2 was last heard within the horizon, and not yet in this process; node 3 is silent for
  // longer than the horizon.
  EXPECT_EQ(Stable({}), std::nullopt);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].node, kThree.node);
  Hear(kTwo, 0, At({{kSelf, 3}}));
  EXPECT_EQ(Stable({}).value().Get(kSelf), Lseq(3));
  const auto report = members_.Weigh({}, {}, kSelf, now_, kWall + now_, &events_);
  EXPECT_EQ(report.members.size(), 2u) << "without ourselves";
  EXPECT_TRUE(report.members.at(kThree.node).evicted);
}

}  // namespace
}  // namespace harmonylite::node
