#include "node/replication/lock_pacer.h"

#include <algorithm>
#include <thread>

namespace harmonylite::node {

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long to leave the lock alone after it was held for `held`.
//
// SQLite's busy handler asks again after 1, 2, 5 and 10 ms. A gap as long as the lock was held
// meets the first or second of these, so no writer of the application waits for more than a few of
// our transactions. If the application has not written lately, a shorter gap suffices for its first
// write, and applying is faster. Beside long transactions each of ours has to wait for a moment
// between two of them, so longer gaps make fewer and larger ones of ours.
microseconds GapAfter(microseconds held, LocalUse use) {
  if (use == LocalUse::kLong)
    return std::clamp<microseconds>(held, milliseconds(10), milliseconds(100));
  if (use == LocalUse::kShort)
    return std::clamp<microseconds>(held, milliseconds(1), milliseconds(100));
  return std::clamp<microseconds>(held / 4, microseconds(200), milliseconds(5));
}

}  // namespace

Status LockPacer::BeforeLock(sqlite::TransactionKind) {
  std::this_thread::sleep_until(free_until_);
  return Ok();
}

void LockPacer::Locked() {
  locked_at_ = steady_clock::now();
  released_ = false;
}

// Starts a gap now, in proportion to the time since the lock was taken.
void LockPacer::BeginGap() {
  const auto now = steady_clock::now();
  free_until_ = now + GapAfter(duration_cast<microseconds>(now - *locked_at_), use_);
}

void LockPacer::Released() {
  if (!locked_at_) return;
  released_ = true;
  BeginGap();
}

// After a commit has released the lock it may still move pages of the WAL into the file. If the
// application writes, the gap begins only after that, because moving pages takes the disk and the
// processor from the application. Otherwise the gap that began in Released() stands. A transaction
// that wrote nothing does not report Released(), so its gap begins here in any case.
void LockPacer::Ended() {
  if (locked_at_ && (!released_ || use_ != LocalUse::kNone)) BeginGap();
  locked_at_.reset();
}

}  // namespace harmonylite::node
