// Makes a snapshot when one is wanted, and looks now and then which is the newest.
//
// What is in a snapshot as this node's own must be in the log before anybody may have it: until the log has taken it, this
// file may turn out to be a copy, whose other life has given the same numbers to other changes (decision 26). So a snapshot
// that is made waits until the publisher has got that far, and is made anew if the node counts as another by then.
//
// A step may take as long as the database is large: it has a thread of its own, on which nothing else waits.
// Threads: one owner at a time.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "node/options.h"
#include "node/shared_state.h"
#include "node/snapshot_board.h"
#include "node/step.h"
#include "ports/object_store.h"
#include "snapshot/catalog.h"
#include "snapshot/make.h"

namespace harmonylite::node {

// What of this node's file goes into a snapshot, and where it is made.
snapshot::Options MakeSnapshotOptions(const NodeOptions& node);

class SnapshotMaker {
 public:
  struct Dependencies {
    ports::ObjectStore* store;
    SnapshotBoard* board;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    snapshot::Options options;
    int keep = 3;
    bool publish = true;  // false: nothing of ours ever gets into the log, and nothing waits for it
  };
  explicit SnapshotMaker(Dependencies dependencies);

  StepResult Step();
  // One is made and waits for the log.
  bool waiting() const { return made_.has_value() || again_; }

 private:
  StepResult Make();
  StepResult Wait();
  StepResult Store();
  StepResult GiveUp(std::string why);
  void Drop();
  StepResult Look();

  Dependencies d_;
  snapshot::Catalog catalog_;
  std::optional<snapshot::Made> made_;
  bool again_ = false;          // it is to be made once more
  Lseq own_;                    // … and up to where it holds changes of ours
  Lseq published_;              // at the last look, while it waits
  int64_t published_at_ms_ = 0; // when that moved, or the waiting began
  int64_t began_ms_ = 0;
  int64_t next_look_ms_ = 0;
  std::string said_;
};

}  // namespace harmonylite::node
