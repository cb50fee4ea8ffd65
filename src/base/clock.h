// Time, behind an interface, so that the simulator can control it.
//
// Threads: every method of every implementation may be called from any thread.
#pragma once

#include <cstdint>

namespace harmonylite {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock in milliseconds since 1970. It may jump in either direction.
  virtual int64_t WallMs() const = 0;
  // Milliseconds since an arbitrary start; it never goes back.
  virtual int64_t MonotonicMs() const = 0;
};

class SystemClock final : public Clock {
 public:
  int64_t WallMs() const override;
  int64_t MonotonicMs() const override;
};

}  // namespace harmonylite
