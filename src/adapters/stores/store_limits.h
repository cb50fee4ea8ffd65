// How patient the stores that are reached over the network are.
#pragma once

#include <chrono>

#include "ports/retry.h"

namespace harmonylite::stores {

struct StoreLimits {
  std::chrono::milliseconds connect_timeout{10'000};
  // A connection on which no byte moves for this long is given up. Whole seconds; two of it and the
  // pause between them are less than a minute.
  std::chrono::seconds silence{25};
  ports::RetryPolicy retry;
};

}  // namespace harmonylite::stores
