#include "node/lock_pacer.h"

#include <gtest/gtest.h>

namespace harmonylite::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long the lock was left alone, at least.
steady_clock::duration GapOf(LockPacer* pacer) {
  const auto released = steady_clock::now();
  pacer->Released();
  pacer->Ended();
  pacer->BeforeLock();
  EXPECT_FALSE(pacer->waiting());
  return steady_clock::now() - released;
}

TEST(LockPacer, LeavesTheLockAloneAsLongAsItWasHeldWhereTheApplicationWrites) {
  LockPacer pacer;
  pacer.SetLocalWriters(true);
  const auto locked = steady_clock::now();
  pacer.Locked();
  while (steady_clock::now() - locked < milliseconds(8)) continue;
  EXPECT_GE(GapOf(&pacer), milliseconds(8));
}

TEST(LockPacer, LeavesAQuarterWhereItDoesNot) {
  LockPacer pacer;
  const auto locked = steady_clock::now();
  pacer.Locked();
  while (steady_clock::now() - locked < milliseconds(8)) continue;
  EXPECT_GE(GapOf(&pacer), milliseconds(2));
}

TEST(LockPacer, WhatACommitDoesWithoutTheLockComesOnTopBesideTheApplication) {
  LockPacer pacer;
  pacer.SetLocalWriters(true);
  pacer.Locked();
  pacer.Released();
  const auto released = steady_clock::now();
  while (steady_clock::now() - released < milliseconds(8)) continue;
  pacer.Ended();
  pacer.BeforeLock();
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
