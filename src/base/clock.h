// Time, behind an interface so that a simulation can own it.
//
// Threads: every method of every implementation may be called from any thread.
#pragma once

#include <cstdint>

namespace harmonylite {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock, milliseconds since 1970. May jump in either direction.
  virtual int64_t WallMs() const = 0;
  // Milliseconds from an arbitrary start; never goes back.
  virtual int64_t MonotonicMs() const = 0;
};

class SystemClock final : public Clock {
 public:
  int64_t WallMs() const override;
  int64_t MonotonicMs() const override;
};

}  // namespace harmonylite
