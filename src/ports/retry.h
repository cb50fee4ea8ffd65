// Trying a transfer of an ObjectStore again, with pauses that grow, until it is cancelled.
#pragma once

#include <chrono>
#include <functional>

#include "ports/object_store.h"

namespace harmonylite::ports {

struct RetryPolicy {
  int attempts = 5;  // the first one among them
  std::chrono::milliseconds first_wait{500};
  std::chrono::milliseconds longest_wait{10'000};
  // No attempt begins later than this after the first, or after one that has moved more bytes than
  // every attempt before it. An attempt that runs is left alone: it ends by itself when nothing
  // moves.
  std::chrono::milliseconds deadline{20'000};
};

// kRetryLater: it was cancelled. `transfer` may be null.
Status CheckCancelled(const Transfer* transfer);

// Sets `*final` before it returns an error that further attempts would only repeat.
using TransferAttempt = std::function<Status(bool* final)>;

// Calls `attempt` again after kRetryLater. Every other outcome is returned at once, and the newest
// when the policy allows no more. Threads: waits in the caller's.
Status RetryTransfer(const RetryPolicy& policy, Transfer* transfer, const TransferAttempt& attempt);

}  // namespace harmonylite::ports
