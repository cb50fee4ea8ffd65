// Makes a snapshot when one is wanted, and looks now and then which is the newest.
//
// A step may take as long as the database is large: it has a thread of its own, on which nothing else waits.
// Threads: one owner at a time.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "log/object_store.h"
#include "node/snapshot_board.h"
#include "node/step.h"
#include "snapshot/catalog.h"
#include "snapshot/make.h"

namespace harmonylite::node {

class SnapshotMaker {
 public:
  struct Dependencies {
    log::ObjectStore* store;
    SnapshotBoard* board;
    const Clock* clock;
    Logger* logger;
    snapshot::Options options;
    int keep = 3;
  };
  explicit SnapshotMaker(Dependencies dependencies);

  StepResult Step();

 private:
  Result<KnownSnapshot> Make();
  StepResult Look();

  Dependencies d_;
  snapshot::Catalog catalog_;
  int64_t next_look_ms_ = 0;
  std::string said_;
};

}  // namespace harmonylite::node
