// Fetches a snapshot when only that can bring what is missing here, and hands it to the consumer, which merges it
// with the database.
//
// States (legal moves):
//   no wish       → looking       the keeper wishes for a snapshot
//   looking       → asking        there is none that helps; the others are asked for one
//   asking        → looking       after a while
//   looking       → handed over   the newest that helps and can be read is fetched
//   handed over   → looking       the consumer is done with it, and the wish is still there
//   any           → no wish       it is withdrawn
//
// Threads: one owner at a time.
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
  // Empty: it helps.
  std::string WhyNot(const SnapshotInfo& snapshot, const ResyncWish& wish, int64_t now) const;

  // What became of the snapshot that was offered last.
  void NoteOutcome(int64_t now);

  // A snapshot that could not be merged. Mostly it was made before a migration that this node has behind it, or the other
  // way round: another one helps, sooner or later, and each one is work for its maker.
  struct Unmerged {
    std::string name;
    uint64_t schema;    // fingerprint of our tables at that time
    int64_t wait_ms;    // between two questions for another
    int64_t again_ms;   // monotonic
    std::string error;
  };

  Dependencies d_;
  std::weak_ptr<OpenSnapshot> offered_;  // lives as long as the consumer merges it
  std::string offered_name_;             // empty: its outcome is known
  std::optional<Unmerged> unmerged_;
  UnreadableSnapshots unreadable_;
  std::optional<int64_t> wished_since_ms_;  // monotonic
  int64_t not_before_ms_ = 0;               // monotonic
  std::string said_;
};

}  // namespace harmonylite::node
