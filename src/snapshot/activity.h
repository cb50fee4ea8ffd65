// Watches and ends work on a snapshot from another thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "ports/object_store.h"

namespace harmonylite::snapshot {

enum class Phase { kWaiting, kCopying, kPacking, kSending, kStoring, kFetching, kUnpacking, kChecking, kRestoring };

// Threads: any.
struct Activity {
  std::atomic<Phase> phase{Phase::kWaiting};
  std::atomic<uint64_t> done{0};   // bytes of this phase, but for kSending and kFetching: there transfer.bytes
  std::atomic<uint64_t> total{0};  // bytes of this phase; 0: not known
  ports::Transfer transfer;          // transfer.cancelled ends every phase soon, with kRetryLater

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
