// Fills the empty database of a node from the cluster before the node is opened.
//
// A node with an empty database asks the registry and the snapshot store what should be in it
// (node/recovery/empty_join.h). This file starts that question when the program starts, and again
// while a node runs without tables.
//
// Threads: one owner; JoinEmpty() runs the work on a thread of its own.
#pragma once

#include <signal.h>

#include <optional>

#include "base/clock.h"
#include "base/ids.h"
#include "base/logger.h"
#include "base/result.h"
#include "config/command_line.h"
#include "config/config.h"
#include "ports/meta_store.h"
#include "ports/object_store.h"

namespace harmonylite::cli {

// Returns the id with which this node joins: the configured one, the one in the file, or a new one.
// Returns nothing if the database is not one into which a snapshot may be restored, or if snapshots
// or replication are disabled here.
Result<std::optional<NodeId>> JoinsAs(const config::Config& config);

enum class JoinEnd { kGoOn, kAskedToEnd };
// Restores the newest snapshot, waits for one, or leaves the database empty; see
// node/recovery/empty_join.h. Shows the progress meanwhile. Ends with kAskedToEnd when one of
// `signals` arrives; all of them must be blocked.
Result<JoinEnd> JoinEmpty(const config::CommandLine& command, const config::Config& config,
                          NodeId self, ports::ObjectStore* store, ports::MetaStore* meta,
                          const sigset_t& signals, const Clock* clock, Logger* logger);

// Decides when a node that runs without tables tries to join again. Each try doubles the pause
// before the next one, up to ten minutes, because a try may be of no use: for example if no other
// node makes snapshots.
class JoinAgain {
 public:
  // Returns the node's id if the node should be stopped and join now. `elsewhere` says whether
  // other nodes are known to have tables.
  std::optional<NodeId> Due(const config::Config& config, bool elsewhere, const Clock& clock) const;
  // Records that a try to join has ended.
  void Done(const Clock& clock);

 private:
  // Pause after the next try; it doubles with every try.
  int64_t pause_ms_ = 10'000;
  int64_t not_before_ms_ = 0;  // monotonic time before which no try begins
};

}  // namespace harmonylite::cli
