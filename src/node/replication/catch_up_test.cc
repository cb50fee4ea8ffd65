// When a node that joins has what the cluster had.
#include "node/replication/catch_up.h"

#include <gtest/gtest.h>

#include "ledger/fingerprint.h"

namespace harmonylite::node {
namespace {

using Verdict = CatchUp::Verdict;

const Origin kOther{NodeId(2), Incarnation(1)};

class CatchUpTest : public ::testing::Test {
 protected:
  CatchUpTest() { catch_up_.SetLogEnd(ports::LogSeq(10)); }
  Verdict Look() {
    const change::Knowledge knowledge(progress_, retirements_);
    return catch_up_.Look(
        reach_, {&progress_, &knowledge, ports::LogSeq(next_), log_read_, held_, schema_, now_ms_});
  }
  // Looks when so much time has passed in which nothing moved that the node gives up.
  Verdict LookMuchLater() {
    now_ms_ += kCatchUpPatienceMs;
    return Look();
  }
  CatchUp catch_up_;
  change::ProgressVector reach_;
  change::ProgressVector progress_;
  change::Retirements retirements_;
  uint64_t next_ = 11;
  bool log_read_ = false;
  std::string held_;
  uint64_t schema_ = 1;
  int64_t now_ms_ = 1'000;
};

TEST_F(CatchUpTest, NeedsWhatTheOtherNodeHad) {
  reach_.Advance(kOther, Lseq(5));
  progress_.Advance(kOther, Lseq(4));
  EXPECT_EQ(Look(), Verdict::kNotYet);
  EXPECT_NE(catch_up_.why().find("changes 5 to 5 of node 2"), std::string::npos);
  progress_.Advance(kOther, Lseq(5));
  EXPECT_EQ(Look(), Verdict::kDone);
}

TEST_F(CatchUpTest, NeedsWhatTheLogHeld) {
  next_ = 10;
  EXPECT_EQ(Look(), Verdict::kNotYet);
  next_ = 11;
  EXPECT_EQ(Look(), Verdict::kDone);
}

TEST_F(CatchUpTest, ALogThatLostRecordsIsReadWhenItIsAtItsEnd) {
  next_ = 3;
  log_read_ = true;
  EXPECT_EQ(Look(), Verdict::kDone);
}

TEST_F(CatchUpTest, WhatIsHeldIsNotHereYet) {
  held_ = "no table";
  EXPECT_EQ(Look(), Verdict::kNotYet);
  EXPECT_NE(catch_up_.why().find("no table"), std::string::npos);
}

TEST_F(CatchUpTest, GivesUpWhenNothingHasMovedForLong) {
  held_ = "no table";
  EXPECT_EQ(Look(), Verdict::kNotYet);
  schema_ = 2;  // A migration is under way.
  EXPECT_EQ(LookMuchLater(), Verdict::kNotYet);
  progress_.Advance(kOther, Lseq(1));
  EXPECT_EQ(LookMuchLater(), Verdict::kNotYet);
  EXPECT_EQ(LookMuchLater(), Verdict::kGivesUp);
}

TEST_F(CatchUpTest, DoesNotGiveUpBeforeItsApplicationHasMadeTables) {
  held_ = "no table";
  schema_ = ledger::kNoTables;
  EXPECT_EQ(Look(), Verdict::kNotYet);
  EXPECT_EQ(LookMuchLater(), Verdict::kNotYet);
  schema_ = 1;
  EXPECT_EQ(LookMuchLater(), Verdict::kNotYet);
  EXPECT_EQ(LookMuchLater(), Verdict::kGivesUp);
}

TEST_F(CatchUpTest, DoesNotGiveUpBeforeTheLogIsRead) {
  next_ = 10;
  EXPECT_EQ(Look(), Verdict::kNotYet);
  EXPECT_EQ(LookMuchLater(), Verdict::kNotYet);
  next_ = 11;
  held_ = "no table";
  EXPECT_EQ(LookMuchLater(), Verdict::kNotYet);
}

}  // namespace
}  // namespace harmonylite::node
