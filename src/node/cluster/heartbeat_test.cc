#include "node/cluster/heartbeat.h"

#include <gtest/gtest.h>

#include "node/shared_state.h"
#include "support/result_matchers.h"

namespace harmonylite::node {
namespace {

// A heartbeat in which every field differs from its default.
Heartbeat Full() {
  Heartbeat out;
  out.origin = {NodeId(UINT64_MAX), Incarnation(UINT32_MAX)};
  out.session = 18'000'000'000'000'000'000u;
  out.beat = 12;
  out.hears = Beat{13, 14};
  out.wall_ms = 1'700'000'000'000;
  out.published = Lseq(INT64_MAX);
  out.schema_fingerprint = UINT64_MAX - 1;
  out.definitions = UINT64_MAX - 2;
  out.progress.Advance({NodeId(2), Incarnation(3)}, Lseq(4));
  out.progress.Advance({NodeId(2), Incarnation(5)}, Lseq(6));
  out.journaled = Lseq(8);
  out.collected.Advance({NodeId(9), Incarnation(10)}, Lseq(11));
  out.asks = NodeId(7);
  return out;
}

TEST(HeartbeatTest, RoundTrip) {
  ASSERT_VALUE(const Heartbeat decoded, DecodeHeartbeat(EncodeHeartbeat(Full())));
  EXPECT_EQ(decoded, Full());
  ASSERT_VALUE(const Heartbeat plain, DecodeHeartbeat(EncodeHeartbeat(Heartbeat{})));
  EXPECT_EQ(plain, Heartbeat{});
  EXPECT_EQ(HeartbeatKey(NodeId(12)), "node.12");
}

TEST(HeartbeatTest, UnknownLinesArePassedOver) {
  ASSERT_VALUE(const Heartbeat decoded,
               DecodeHeartbeat(EncodeHeartbeat(Full()) + "weather fine\nmood\n"));
  EXPECT_EQ(decoded, Full());
}

TEST(HeartbeatTest, AnythingElseIsCorruption) {
  const std::string head = "harmonylite-heartbeat 1\n";
  for (const std::string& text : {std::string(),
                                  std::string("x"),
                                  std::string("harmonylite-heartbeat 2\n"),
                                  head + "origin 1\n",
                                  head + "origin x 1\n",
                                  head + "session -1\n",
                                  head + "wall 1x\n",
                                  head + "published \n",
                                  head + "progress 1 1 -5\n",
                                  head + "progress 1 1\n",
                                  head + "beat -1\n",
                                  head + "hears 1\n",
                                  head + "hears x 1\n",
                                  head + "asks\n",
                                  head + "journaled x\n",
                                  head + "journaled -1\n",
                                  head + "collected 1 1\n",
                                  head + "schema 99999999999999999999999\n",
                                  head + "definitions x\n",
                                  head + std::string(2 << 20, 'x')}) {
    const auto decoded = DecodeHeartbeat(text);
    ASSERT_FALSE(decoded.ok()) << text.substr(0, 60);
    EXPECT_EQ(decoded.error().code(), ErrorCode::kCorruption);
  }
}

TEST(HeartbeatTest, TheSessionOfALaterProcessIsGreater) {
  const int64_t now = 1'700'000'000'000;
  EXPECT_LT(NewSession(now, UINT64_MAX), NewSession(now + 1, 0));
  EXPECT_NE(NewSession(now, UINT64_MAX), NewSession(now, 0));
}

TEST(SharedStateTest, RepairRequestsAreMergedToTheLeast) {
  const Origin a{NodeId(1), Incarnation(1)};
  const Origin b{NodeId(2), Incarnation(1)};
  SharedState shared;
  EXPECT_EQ(shared.TakeRepairRequest(), std::nullopt);
  change::ProgressVector first;
  first.Advance(a, Lseq(5));
  first.Advance(b, Lseq(9));
  change::ProgressVector second;
  second.Advance(a, Lseq(7));
  shared.RequestRepair(first);
  shared.RequestRepair(second);
  const auto least = shared.TakeRepairRequest();
  ASSERT_TRUE(least.has_value());
  EXPECT_EQ(least->Get(a), Lseq(5));
  EXPECT_EQ(least->Get(b), Lseq(0));
  EXPECT_EQ(shared.TakeRepairRequest(), std::nullopt);
}

TEST(SharedStateTest, ANewLifeWithdrawsTheRequestForOne) {
  SharedState shared;
  EXPECT_FALSE(shared.incarnation_requested());
  shared.RequestIncarnation({});
  EXPECT_TRUE(shared.incarnation_requested());
  shared.SetSelf({NodeId(1), Incarnation(2)});
  EXPECT_FALSE(shared.incarnation_requested());
}

}  // namespace
}  // namespace harmonylite::node
