#include "node/replication/lock_pacer.h"

#include <algorithm>
#include <thread>

namespace harmonylite::node {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// SQLite's own busy handler asks again after 1, 2, 5 and 10 ms: a gap as long as the lock was held meets one of the first
// two of these, so that no writer of the application waits for more than a few of our transactions. Where none has
// written lately, a shorter gap must do for the first.
microseconds GapAfter(microseconds held, bool local_writers) {
  if (local_writers) return std::clamp<microseconds>(held, milliseconds(1), milliseconds(100));
  return std::clamp<microseconds>(held / 4, microseconds(200), milliseconds(5));
}

}  // namespace

void LockPacer::BeforeLock() { std::this_thread::sleep_until(free_until_); }

void LockPacer::Locked() {
  locked_at_ = steady_clock::now();
  released_ = false;
}

void LockPacer::BeginGap() {
  const auto now = steady_clock::now();
  free_until_ = now + GapAfter(duration_cast<microseconds>(now - *locked_at_), local_writers_);
}

void LockPacer::Released() {
  if (!locked_at_) return;
  released_ = true;
  BeginGap();
}

// Beside an application that writes, moving pages comes on top of the gap: it takes the disk and the processor from it.
void LockPacer::Ended() {
  if (locked_at_ && (!released_ || local_writers_)) BeginGap();
  locked_at_.reset();
}

}  // namespace harmonylite::node
