#include "ports/retry.h"

#include <algorithm>
#include <random>
#include <thread>

namespace harmonylite::ports {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// A pause notices within this time that the transfer was cancelled.
constexpr milliseconds kSlice{50};

void Pause(milliseconds time, const Transfer* transfer) {
  const auto end = Clock::now() + time;
  while (Clock::now() < end && CheckCancelled(transfer).ok())
    std::this_thread::sleep_for(std::min<Clock::duration>(kSlice, end - Clock::now()));
}

// A random time between half of `time` and all of it, so that nodes that failed together do not
// come back together.
milliseconds Jittered(milliseconds time) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  return milliseconds(
      std::uniform_int_distribution<int64_t>(time.count() / 2, time.count())(random));
}

}  // namespace

Status CheckCancelled(const Transfer* transfer) {
  if (transfer == nullptr || !transfer->cancelled) return Ok();
  return MakeError(ErrorCode::kRetryLater, "the transfer was cancelled");
}

Status RetryTransfer(const RetryPolicy& policy, Transfer* transfer,
                     const TransferAttempt& attempt) {
  auto deadline = Clock::now() + policy.deadline;
  // The most bytes that one attempt has moved.
  uint64_t most = transfer != nullptr ? transfer->bytes.load() : 0;
  milliseconds wait = policy.first_wait;
  for (int number = 1;; ++number) {
    HL_TRY(CheckCancelled(transfer));
    bool final = false;
    Status status = attempt(&final);
    if (status.ok() || status.error().code() != ErrorCode::kRetryLater) return status;
    if (transfer != nullptr && transfer->bytes > most) {
      most = transfer->bytes;
      deadline = Clock::now() + policy.deadline;
    }
    const milliseconds pause = Jittered(wait);
    if (final || number >= policy.attempts || Clock::now() + pause >= deadline) return status;
    Pause(pause, transfer);
    wait = std::min(wait * 2, policy.longest_wait);
  }
}

}  // namespace harmonylite::ports
