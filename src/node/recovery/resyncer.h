// Fetches a snapshot if nothing else can bring what is missing here, and hands it to the consumer,
// which merges it with the database while the application goes on
// (docs/decisions/0020-forgetting-tombstones.md).
//
// States (legal moves):
//   no wish       → looking       the keeper requests a snapshot
//   looking       → asking        no snapshot helps; the other nodes are asked for one
//   asking        → looking       after kResyncRetryMs
//   looking       → handed over   the newest snapshot that can be read helps and is fetched
//   handed over   → looking       the consumer is done with it, and the wish still stands
//   any           → no wish       the keeper withdraws the wish
//
// Threads: one owner at a time. A step that fetches takes longer the larger the snapshot is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "node/recovery/unreadable_snapshots.h"
#include "node/shared_state.h"
#include "node/snapshot_source.h"
#include "node/step.h"

namespace harmonylite::node {

class Resyncer {
 public:
  struct Dependencies {
    SnapshotSource* source;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    int64_t max_clock_skew_ms = 60'000;
  };
  explicit Resyncer(const Dependencies& dependencies) : d_(dependencies) {}

  StepResult Step();

 private:
  StepResult Wait(int64_t ms, std::string why);
  StepResult AskForAnother(const std::string& why);
  void ForgetUnreadable();
  StepResult PassOver(const std::string& name, const Error& why, int64_t now);
  StepResult Look(const ResyncWish& wish, int64_t now);
  // Why merging this snapshot would not help; empty: it would.
  std::string WhyNot(const SnapshotInfo& snapshot, const ResyncWish& wish, int64_t now) const;

  // Finds out how the merge of the snapshot that was handed over last ended.
  void NoteOutcome(int64_t now);

  // A snapshot that could not be merged. In most cases it was made before a migration that this
  // node has done already, or the other way round. Another snapshot will help sooner or later, but
  // each one is work for its maker, so the requests for one become rarer.
  struct Unmerged {
    std::string name;
    uint64_t schema;   // fingerprint of this node's tables when the merge failed
    int64_t wait_ms;   // pause between two requests for another snapshot
    int64_t again_ms;  // monotonic
    std::string error;
  };

  Dependencies d_;
  // The snapshot that was handed over; expires when the consumer is done with it.
  std::weak_ptr<OpenSnapshot> offered_;
  std::string offered_name_;  // empty: the outcome of the last merge is known
  std::optional<Unmerged> unmerged_;
  UnreadableSnapshots unreadable_;
  std::optional<int64_t> wished_since_ms_;  // monotonic
  int64_t not_before_ms_ = 0;               // monotonic
  std::string said_;
};

}  // namespace harmonylite::node
