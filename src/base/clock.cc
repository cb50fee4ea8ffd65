#include "base/clock.h"

#include <chrono>

namespace harmonylite {

namespace chrono = std::chrono;

int64_t SystemClock::WallMs() const {
  return chrono::duration_cast<chrono::milliseconds>(chrono::system_clock::now().time_since_epoch())
      .count();
}

int64_t SystemClock::MonotonicMs() const {
  return chrono::duration_cast<chrono::milliseconds>(chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace harmonylite
