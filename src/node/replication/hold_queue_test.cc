#include "node/replication/hold_queue.h"

#include <gtest/gtest.h>

#include "node/options.h"
#include "support/temp_dir.h"

namespace harmonylite::node {
namespace {

using change::BatchHeader;
using change::Cover;
using change::ProgressVector;

constexpr Origin kSelf{NodeId(1), Incarnation(1)};
constexpr Origin kFormer{NodeId(1), Incarnation(7)};
constexpr Origin kTwo{NodeId(2), Incarnation(1)};
constexpr Origin kThree{NodeId(3), Incarnation(1)};
constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kSkew = 60'000;

ProgressVector At(std::vector<std::pair<Origin, int64_t>> entries) {
  ProgressVector out;
  for (const auto& [origin, lseq] : entries) out.Advance(origin, Lseq(lseq));
  return out;
}

BatchHeader Batch(std::vector<Cover> covers, ProgressVector seen = {}) {
  BatchHeader header;
  header.sender = kTwo;
  header.covers = std::move(covers);
  header.seen = std::move(seen);
  header.max_stamp = HlcFromMillis(kNow);
  return header;
}

Judgement JudgeAt(const BatchHeader& header, const ProgressVector& progress) {
  return Judge(header, progress, kSelf, kNow, kSkew);
}
Verdict VerdictAt(const BatchHeader& header, const ProgressVector& progress) {
  return JudgeAt(header, progress).verdict;
}

TEST(JudgeTest, NextBatchOfAnOrigin) {
  const BatchHeader batch = Batch({{kTwo, Lseq(5), Lseq(9)}});
  EXPECT_EQ(VerdictAt(batch, At({{kTwo, 5}})), Verdict::kReady);
  EXPECT_EQ(VerdictAt(batch, At({{kTwo, 7}})), Verdict::kReady);  // part of the batch is new
  EXPECT_EQ(VerdictAt(batch, At({{kTwo, 9}})), Verdict::kHad);
  EXPECT_EQ(VerdictAt(batch, At({{kTwo, 10}})), Verdict::kHad);
  EXPECT_EQ(VerdictAt(Batch({{kTwo, Lseq(0), Lseq(9)}}), {}), Verdict::kReady);
}

TEST(JudgeTest, WhoeverHasNotSeenForgottenDeletesIsHeld) {
  const ProgressVector have = At({{kTwo, 5}, {kThree, 8}, {kFormer, 3}});
  const auto judge = [&](const BatchHeader& batch, ProgressVector collected) {
    return Judge(batch, have, kSelf, kNow, kSkew, collected);
  };
  const BatchHeader batch = Batch({{kTwo, Lseq(5), Lseq(9)}}, At({{kThree, 7}, {kSelf, 2}}));
  EXPECT_EQ(judge(batch, At({{kThree, 7}, {kSelf, 2}})).verdict, Verdict::kReady);
  EXPECT_EQ(judge(batch, At({{kTwo, 5}})).verdict, Verdict::kReady) << "it has seen its own";
  for (const auto& collected : {At({{kThree, 8}}), At({{kSelf, 3}}), At({{kFormer, 1}})}) {
    EXPECT_EQ(judge(batch, collected).verdict, Verdict::kWaits);
    EXPECT_EQ(judge(batch, collected).kind, HoldKind::kStale);
  }
  // The sender has seen what its batch brings. A batch that is applied already is never stale.
  const BatchHeader repair = Batch({{kThree, Lseq(4), Lseq(9)}});
  EXPECT_EQ(judge(repair, At({{kThree, 8}})).verdict, Verdict::kReady);
  EXPECT_EQ(judge(Batch({{kThree, Lseq(1), Lseq(8)}}), At({{kSelf, 3}})).verdict, Verdict::kHad);
}

// kFormer is retired by change 5 of kTwo: who has that change has kFormer up to 3.
TEST(JudgeTest, ARetiredOriginNeedsNoEntry) {
  change::Retirements known;
  known.Add({kFormer, Lseq(3), kTwo, Lseq(5)});
  const ProgressVector have = At({{kTwo, 5}, {kThree, 8}});
  const auto judge = [&](const BatchHeader& batch, ProgressVector collected = {}) {
    return Judge(batch, have, kSelf, kNow, kSkew, collected, known).verdict;
  };
  EXPECT_EQ(judge(Batch({{kFormer, Lseq(0), Lseq(3)}})), Verdict::kHad);
  EXPECT_EQ(judge(Batch({{kFormer, Lseq(3), Lseq(4)}}, At({{kTwo, 5}}))), Verdict::kReady);
  EXPECT_EQ(judge(Batch({{kThree, Lseq(8), Lseq(9)}}, At({{kFormer, 3}}))), Verdict::kReady);
  EXPECT_EQ(judge(Batch({{kThree, Lseq(8), Lseq(9)}}, At({{kFormer, 4}}))), Verdict::kWaits);
  // The sender, kTwo, had seen what it retired with a change that its batch covers or names.
  EXPECT_EQ(judge(Batch({{kTwo, Lseq(4), Lseq(6)}}), At({{kFormer, 2}})), Verdict::kReady);
  EXPECT_EQ(judge(Batch({{kThree, Lseq(8), Lseq(9)}}, At({{kTwo, 5}})), At({{kFormer, 2}})),
            Verdict::kReady);
  EXPECT_EQ(judge(Batch({{kThree, Lseq(8), Lseq(9)}}, At({{kTwo, 4}})), At({{kFormer, 2}})),
            Verdict::kWaits);
}

TEST(JudgeTest, AHoleIsNamed) {
  const Judgement judged = JudgeAt(Batch({{kTwo, Lseq(5), Lseq(9)}}), At({{kTwo, 3}}));
  EXPECT_EQ(judged.verdict, Verdict::kWaits);
  EXPECT_EQ(judged.kind, HoldKind::kMissing);
  EXPECT_NE(judged.reason.find("4 to 5"), std::string::npos) << judged.reason;
}

TEST(JudgeTest, WhatItsWriterHadSeenComesFirst) {
  const BatchHeader batch = Batch({{kTwo, Lseq(0), Lseq(1)}}, At({{kThree, 4}, {kSelf, 100}}));
  EXPECT_EQ(VerdictAt(batch, At({{kThree, 3}})), Verdict::kWaits);
  EXPECT_EQ(JudgeAt(batch, {}).kind, HoldKind::kMissing);
  // This node has all of its own changes. A former incarnation of it counts as another origin.
  EXPECT_EQ(VerdictAt(batch, At({{kThree, 4}})), Verdict::kReady);
  EXPECT_EQ(VerdictAt(Batch({{kTwo, Lseq(0), Lseq(1)}}, At({{kFormer, 2}})), {}), Verdict::kWaits);
}

TEST(JudgeTest, RepairBatches) {
  const BatchHeader batch =
      Batch({{kTwo, Lseq(0), Lseq(9)}, {kThree, Lseq(2), Lseq(6)}}, At({{kThree, 6}}));
  EXPECT_EQ(VerdictAt(batch, {}), Verdict::kWaits);
  // The batch itself brings the changes that its sender had seen.
  EXPECT_EQ(VerdictAt(batch, At({{kThree, 2}})), Verdict::kReady);
  EXPECT_EQ(VerdictAt(batch, At({{kTwo, 9}, {kThree, 5}})), Verdict::kReady);
  EXPECT_EQ(VerdictAt(batch, At({{kTwo, 9}, {kThree, 6}})), Verdict::kHad);
  const BatchHeader ours = Batch({{kSelf, Lseq(50), Lseq(60)}, {kTwo, Lseq(0), Lseq(1)}});
  EXPECT_EQ(VerdictAt(ours, {}), Verdict::kReady);
  EXPECT_EQ(VerdictAt(ours, At({{kTwo, 1}})), Verdict::kHad);
}

TEST(JudgeTest, StampsFromTheFutureWait) {
  BatchHeader batch = Batch({{kTwo, Lseq(0), Lseq(1)}});
  batch.max_stamp = HlcFromMillis(kNow + kSkew);
  EXPECT_EQ(VerdictAt(batch, {}), Verdict::kReady);
  batch.max_stamp = HlcFromMillis(kNow + kSkew + 1000);
  EXPECT_EQ(VerdictAt(batch, {}), Verdict::kWaits);
  EXPECT_EQ(JudgeAt(batch, {}).kind, HoldKind::kClock);
  EXPECT_EQ(VerdictAt(batch, At({{kTwo, 1}})), Verdict::kHad);
  batch.max_stamp = Hlc(0);
  EXPECT_EQ(VerdictAt(batch, {}), Verdict::kReady);
}

class HoldQueueTest : public testing::Test {
 protected:
  WaitingBatch Waiting(uint64_t first, std::optional<Hold> hold = std::nullopt,
                       const std::string& bytes = "x") {
    Spool spool(dir_.path());
    HL_CHECK(spool.Append(bytes).ok());
    return {{kTwo, std::move(spool), ports::LogSeq(first), ports::LogSeq(first)},
            Batch({{kTwo, Lseq(0), Lseq(1)}}),
            std::move(hold),
            0};
  }
  test::TempDir dir_;
  HoldQueue queue_;
};

TEST_F(HoldQueueTest, KeepsTheOrderAndTheOldest) {
  EXPECT_EQ(queue_.oldest(), std::nullopt);
  EXPECT_TRUE(queue_.Push(Waiting(5)));
  EXPECT_TRUE(queue_.Push(Waiting(3)));
  EXPECT_EQ(queue_.oldest(), ports::LogSeq(3));
  EXPECT_EQ(queue_.batches().front().arrived.first, ports::LogSeq(5));
  queue_.Clear();
  EXPECT_EQ(queue_.oldest(), std::nullopt);
}

TEST_F(HoldQueueTest, ReasonsAreSaidOnce) {
  const Hold missing{kTwo, HoldKind::kMissing, "a"};
  const Hold schema{kTwo, HoldKind::kSchema, "b"};
  for (const auto& hold : {std::optional<Hold>(missing), std::optional<Hold>(missing),
                           std::optional<Hold>(schema), std::optional<Hold>()})
    queue_.Push(Waiting(1, hold));
  EXPECT_EQ(queue_.Reasons(), (std::vector<Hold>{missing, schema}));
}

// The batch is of node 2.
TEST_F(HoldQueueTest, ASenderThatWaitsHasAShareOfItsOwn) {
  const Hold hold{kTwo, HoldKind::kSchema, "a"};
  for (size_t i = 0; i < kMaxHeldOfSender; ++i) ASSERT_TRUE(queue_.Push(Waiting(i + 1, hold)));
  EXPECT_TRUE(queue_.Waits(kTwo));
  EXPECT_FALSE(queue_.Push(Waiting(99'999)));
  EXPECT_TRUE(queue_.Push(Waiting(99'999), /*ready=*/true));
  EXPECT_FALSE(queue_.Waits(kThree));
  WaitingBatch of_three = Waiting(99'999);
  of_three.header.sender = kThree;
  EXPECT_TRUE(queue_.Push(std::move(of_three)));
}

TEST_F(HoldQueueTest, TheShareIsBoundedInBytes) {
  const Hold hold{kTwo, HoldKind::kSchema, "a"};
  const std::string large(3 << 20, 'x');
  size_t held = 0;
  while (held < 100 && queue_.Push(Waiting(1, hold, large))) ++held;
  EXPECT_GE(held, 5u);
  EXPECT_LE((held - 1) * large.size(), kMaxHeldBytesOfSender);
}

TEST_F(HoldQueueTest, OneBatchOfEachSenderFindsRoomInAFullQueue) {
  for (size_t i = 0; i < kMaxHeldBatches; ++i) {
    WaitingBatch batch = Waiting(i + 1, Hold{kTwo, HoldKind::kClock, "a"});
    batch.header.sender = Origin{NodeId(10 + i / 100), Incarnation(1)};
    ASSERT_TRUE(queue_.Push(std::move(batch)));
  }
  WaitingBatch another = Waiting(1);
  another.header.sender = Origin{NodeId(10), Incarnation(1)};
  EXPECT_FALSE(queue_.Push(std::move(another)));
  EXPECT_TRUE(queue_.Push(Waiting(1)));
}

TEST_F(HoldQueueTest, ManyBatchesThatAreNotJudgedCrowdIt) {
  for (size_t i = 0; i < kMaxFreshBatches - 1; ++i) ASSERT_TRUE(queue_.Push(Waiting(i + 1)));
  EXPECT_FALSE(queue_.crowded());
  ASSERT_TRUE(queue_.Push(Waiting(1, Hold{kTwo, HoldKind::kSchema, "a"})));
  EXPECT_FALSE(queue_.crowded());
  ASSERT_TRUE(queue_.Push(Waiting(1), /*ready=*/true));
  EXPECT_TRUE(queue_.crowded());
}

}  // namespace
}  // namespace harmonylite::node
