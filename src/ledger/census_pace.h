// When a count in the background begins a round: only if something was written since the round
// before it began, and after a pause that is so long that counting takes about a fiftieth of the
// time.
//
// Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace harmonylite::ledger {

class CensusPace {
 public:
  // Ends a round without a result; the next one may begin at once, whatever was written.
  void Reset() {
    running_ = false;
    counted_writes_.reset();
  }
  // Begins a round if it is time. `writes` is a number that changes with every commit; `now_ms` is
  // monotonic time.
  bool Begin(int64_t writes, int64_t now_ms) {
    if (running_ || counted_writes_ == writes || now_ms < next_ms_) return false;
    running_ = true;
    counted_writes_ = writes;
    spent_ms_ = 0;
    return true;
  }
  void Spend(int64_t ms) { spent_ms_ += ms; }
  void End(int64_t now_ms) {
    running_ = false;
    next_ms_ = now_ms + std::max(kBetweenRoundsMs, spent_ms_ * kShareOfTime);
  }
  bool running() const { return running_; }

 private:
  // The shortest pause between two rounds.
  static constexpr int64_t kBetweenRoundsMs = 2'000;
  // The pause after a round is at least this many times as long as the round took.
  static constexpr int64_t kShareOfTime = 50;

  bool running_ = false;
  std::optional<int64_t> counted_writes_;  // `writes` when the newest round began
  int64_t next_ms_ = 0;                    // monotonic time before which no round begins
  int64_t spent_ms_ = 0;                   // time that the round has taken so far
};

}  // namespace harmonylite::ledger
