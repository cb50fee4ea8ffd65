// How long the stores that are reached over the network wait, and how often they retry.
//
// Threads: a plain value.
#pragma once

#include <chrono>

#include "ports/retry.h"

namespace harmonylite::stores {

struct StoreLimits {
  std::chrono::milliseconds connect_timeout{10'000};
  // A connection on which no byte moves for this long is given up. libcurl counts whole seconds.
  // Two attempts and the pause between them take less than a minute.
  std::chrono::seconds silence{25};
  ports::RetryPolicy retry;
};

}  // namespace harmonylite::stores
