// Keeps complete batches in the order in which they arrived, and judges which of them may be
// applied: the second half of step 5 in the life of a change.
//
// A batch may be applied once everything that its sender had seen is applied here (P6). Until then,
// or while there is another reason, it is held under that reason, which health and metrics show
// (P7).
//
// Threads: one owner at a time; in production the consumer.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "change/codec.h"
#include "node/replication/assembler.h"
#include "node/shared_state.h"

namespace harmonylite::node {

enum class Verdict {
  kReady,  // the batch may be applied now
  kHad,    // all of the batch is applied already
  kWaits,  // the batch must be held; Judgement::kind and Judgement::reason say why
};

struct Judgement {
  Verdict verdict = Verdict::kReady;
  HoldKind kind = HoldKind::kMissing;
  std::string reason;
};

// What the node `self` may do with a batch when it has applied `progress`, has forgotten deletes up
// to `collected`, and knows `retirements`. A pure function.
//
// In this order: a batch whose covered ranges are all applied is kHad. A batch waits if changes
// before one of its ranges are missing, if its sender had seen changes that are neither here nor in
// the batch, if its sender had not seen deletes that are forgotten here, or if its stamps are too
// far in the future. Otherwise it is ready.
Judgement Judge(const change::BatchHeader& header, const change::ProgressVector& progress,
                const Origin& self, int64_t now_ms, int64_t max_clock_skew_ms,
                const change::ProgressVector& collected = {},
                const change::Retirements& retirements = {});

struct WaitingBatch {
  ArrivedBatch arrived;
  change::BatchHeader header;
  std::optional<Hold> hold;   // why the batch waits; none: it is not judged yet, or ready
  int64_t not_before_ms = 0;  // monotonic time of the next attempt at a batch that was refused
};

class HoldQueue {
 public:
  // Appends a batch. False if there is no room: the batch is dropped, and must be read again from
  // the log when its sender waits no more.
  //
  // There is always room for a batch that is `ready`, because it leaves the queue soon, and for one
  // of a sender that does not wait. A sender that waits has a share of its own, so that however
  // much it sends, the batches of others are taken and applied.
  bool Push(WaitingBatch batch, bool ready = false);
  // True if a batch of this sender was judged and is held.
  bool Waits(const Origin& sender) const;
  std::deque<WaitingBatch>& batches() { return batches_; }
  const std::deque<WaitingBatch>& batches() const { return batches_; }
  // True if many batches have not been judged yet. Then nothing more should be read before some of
  // them are applied.
  bool crowded() const;
  // The oldest record of the batches in the queue.
  std::optional<ports::LogSeq> oldest() const;
  // Why batches are held: of each sender, the first hold of each kind.
  std::vector<Hold> Reasons() const;
  void Clear() { batches_.clear(); }

 private:
  // A part of the queue.
  struct Share {
    size_t batches = 0;
    uint64_t bytes = 0;  // in memory and on the disk
    size_t memory = 0;   // bytes in memory
  };
  // What the batches for which `counts` is true take.
  Share Sum(const std::function<bool(const WaitingBatch&)>& counts) const;

  std::deque<WaitingBatch> batches_;
};

}  // namespace harmonylite::node
