#include "node/replication/lock_pacer.h"

#include <gtest/gtest.h>

namespace harmonylite::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Spins for at least `time`, because the pacer measures real time.
void Pass(milliseconds time) {
  const auto began = steady_clock::now();
  while (steady_clock::now() - began < time) continue;
}

// Holds the lock for `held`, and returns the time from its release until the pacer permits the next
// transaction.
steady_clock::duration GapAfter(milliseconds held, LockPacer* pacer) {
  pacer->Locked();
  Pass(held);
  const auto released = steady_clock::now();
  pacer->Released();
  pacer->Ended();
  EXPECT_TRUE(pacer->BeforeLock(sqlite::TransactionKind::kWrite).ok());
  EXPECT_FALSE(pacer->waiting());
  return steady_clock::now() - released;
}

TEST(LockPacer, LeavesTheLockAloneAsLongAsItWasHeldWhereTheApplicationWrites) {
  LockPacer pacer;
  pacer.SetLocalUse(LocalUse::kShort);
  EXPECT_GE(GapAfter(milliseconds(8), &pacer), milliseconds(8));
}

TEST(LockPacer, LeavesAQuarterWhereItDoesNot) {
  LockPacer pacer;
  EXPECT_GE(GapAfter(milliseconds(8), &pacer), milliseconds(2));
}

TEST(LockPacer, WhatACommitDoesWithoutTheLockComesOnTopBesideTheApplication) {
  LockPacer pacer;
  pacer.SetLocalUse(LocalUse::kShort);
  pacer.Locked();
  pacer.Released();
  const auto released = steady_clock::now();
  Pass(milliseconds(8));
  pacer.Ended();
  EXPECT_TRUE(pacer.BeforeLock(sqlite::TransactionKind::kWrite).ok());
  EXPECT_GE(steady_clock::now() - released, milliseconds(16));
}

TEST(LockPacer, WhatHeldNoLockBringsNoGap) {
  LockPacer pacer;
  pacer.Released();
  pacer.Ended();
  EXPECT_FALSE(pacer.waiting());
}

}  // namespace
}  // namespace harmonylite::node
