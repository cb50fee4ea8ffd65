// Complete batches in the order they arrived, and why each may not be applied yet.
//
// Threads: one owner at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "change/codec.h"
#include "node/replication/assembler.h"
#include "node/shared_state.h"

namespace harmonylite::node {

enum class Verdict {
  kReady,
  kHad,    // all of it is applied already
  kWaits,  // `kind` and `reason` say for what
};

struct Judgement {
  Verdict verdict = Verdict::kReady;
  HoldKind kind = HoldKind::kMissing;
  std::string reason;
};

// Pure: what may be done with a batch by a node at `progress` that has forgotten deletes up to `collected`.
Judgement Judge(const change::BatchHeader& header, const change::ProgressVector& progress,
                const Origin& self, int64_t now_ms, int64_t max_clock_skew_ms,
                const change::ProgressVector& collected = {});

struct WaitingBatch {
  ArrivedBatch arrived;
  change::BatchHeader header;
  std::optional<Hold> hold;  // why it waits; nothing: not judged, or ready
  int64_t not_before_ms = 0; // monotonic; a refused batch is tried again later
};

class HoldQueue {
 public:
  // False when there is no room: the batch is dropped and must be read again. `ready`: what is here may wait for it, and
  // it will not stay long, so that there is always room.
  bool Push(WaitingBatch batch, bool ready = false);
  std::deque<WaitingBatch>& batches() { return batches_; }
  const std::deque<WaitingBatch>& batches() const { return batches_; }
  // So much waits that nothing more should be read while the database cannot be written.
  bool crowded() const;
  // Oldest record of a batch that waits.
  std::optional<ports::LogSeq> oldest() const;
  // One entry per origin and reason.
  std::vector<Hold> Reasons() const;
  void Clear() { batches_.clear(); }

 private:
  size_t Memory() const;

  std::deque<WaitingBatch> batches_;
};

}  // namespace harmonylite::node
