// Lets other threads watch, and end, work on a snapshot.
#pragma once

#include <atomic>
#include <cstdint>

#include "ports/object_store.h"

namespace harmonylite::snapshot {

enum class Phase {
  kWaiting,
  kCopying,
  kPacking,
  kSending,
  kStoring,
  kFetching,
  kUnpacking,
  kChecking,
  kRestoring
};

// The progress of one piece of work. Any thread may read it, and set transfer.cancelled.
struct Activity {
  std::atomic<Phase> phase{Phase::kWaiting};
  // Bytes of this phase that are done. In kSending and kFetching transfer.bytes counts instead.
  std::atomic<uint64_t> done{0};
  std::atomic<uint64_t> total{0};  // bytes of this phase in all; 0: not known
  // Setting transfer.cancelled ends any phase soon, with kRetryLater.
  ports::Transfer transfer;

  bool cancelled() const { return transfer.cancelled.load(); }
  void Begin(Phase next, uint64_t bytes) {
    done = 0;
    transfer.bytes = 0;
    total = bytes;
    phase = next;
  }
};

const char* PhaseText(Phase phase);  // for the operator: "copying the database"

}  // namespace harmonylite::snapshot
