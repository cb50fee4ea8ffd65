// Makes a snapshot when the keeper requests one, and looks now and then which snapshot in the store
// is the newest.
//
// A snapshot contains changes of its maker, and they must be in the log before any node may have
// the snapshot: until the log has taken them, the maker's file may turn out to be a copy of a file
// whose other life has given the same numbers to other changes (decision 26). Therefore a finished
// snapshot waits until the publisher has sent these changes. If the node takes a new incarnation
// meanwhile, the snapshot is made anew.
//
// Threads: one owner at a time. A step takes longer the larger the database is, so the maker has a
// thread on which only the resyncer works besides.
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

// Which part of this node's file goes into a snapshot, and where the snapshot is made.
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
    // False: this node's changes never get into the log, and a snapshot does not wait for them.
    bool publish = true;
  };
  explicit SnapshotMaker(Dependencies dependencies);

  StepResult Step();
  // True while a snapshot waits for the log, or is to be made anew.
  bool waiting() const { return made_.has_value() || again_; }

 private:
  StepResult Make();
  StepResult Wait();
  StepResult Store();
  // Drops the snapshot at hand and reports the failure to the board. The snapshots in the store
  // stay.
  StepResult GiveUp(std::string why);
  void Drop();
  StepResult Look();

  Dependencies d_;
  snapshot::Catalog catalog_;
  // The finished snapshot that waits for the log.
  std::optional<snapshot::Made> made_;
  bool again_ = false;  // the snapshot at hand is to be made once more
  // Up to where `made_` contains changes of this node.
  Lseq own_;
  // What was published at the last look while the snapshot waited.
  Lseq published_;
  // When published_ last grew, or the waiting began; monotonic, like all times here.
  int64_t published_at_ms_ = 0;
  int64_t began_ms_ = 0;
  int64_t next_look_ms_ = 0;
  std::string said_;
};

}  // namespace harmonylite::node
