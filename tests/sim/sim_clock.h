// Simulated time: one World that knows the true time, and a clock for each node that may be wrong.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace harmonylite::sim {

struct World {
  int64_t now_ms = 1'700'000'000'000;  // the true time, in milliseconds since 1970
  int64_t elapsed_ms = 0;              // milliseconds since the history began

  void Advance(int64_t ms) {
    now_ms += ms;
    elapsed_ms += ms;
  }
};

class NodeClock final : public Clock {
 public:
  explicit NodeClock(const World* world) : world_(world) {}
  int64_t WallMs() const override { return world_->now_ms + offset_ms; }
  int64_t MonotonicMs() const override { return world_->elapsed_ms + 1'000; }

  int64_t offset_ms = 0;  // how far the wall clock is ahead of the true time; negative: behind it

 private:
  const World* world_;
};

}  // namespace harmonylite::sim
