// Repeats a transfer of an ObjectStore, with growing pauses, until it succeeds, fails for good, or
// is cancelled.
#pragma once

#include <chrono>
#include <functional>

#include "ports/object_store.h"

namespace harmonylite::ports {

struct RetryPolicy {
  int attempts = 5;  // Including the first one.
  std::chrono::milliseconds first_wait{500};
  std::chrono::milliseconds longest_wait{10'000};
  // No attempt begins later than this after the first one began, or after the end of an attempt
  // that has moved more bytes than every attempt before it. A running attempt is not interrupted:
  // it ends by itself when nothing moves.
  std::chrono::milliseconds deadline{20'000};
};

// kRetryLater: the transfer was cancelled. `transfer` may be null.
Status CheckCancelled(const Transfer* transfer);

// One attempt. It sets `*final` before it returns an error that further attempts would only repeat.
using TransferAttempt = std::function<Status(bool* final)>;

// Calls `attempt`, and again as long as it returns kRetryLater and the policy allows; then the
// newest error is returned. Any other outcome is returned at once. Threads: waits on the calling
// thread.
Status RetryTransfer(const RetryPolicy& policy, Transfer* transfer, const TransferAttempt& attempt);

}  // namespace harmonylite::ports
