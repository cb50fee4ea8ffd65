// Before a node is opened on an empty database: the rest of the cluster is asked what should be in it.
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

// Nothing: the database is not one that a snapshot may be restored into, or this node is not to have one. Else the
// node's id: as configured, as in the file, or a new one.
Result<std::optional<NodeId>> JoinsAs(const config::Config& config);

enum class JoinEnd { kGoOn, kAskedToEnd };
// Restores the newest snapshot, waits for one, or leaves the database empty; see node/recovery/empty_join.h. Shows progress
// meanwhile, and ends when one of `signals`, which are blocked, comes.
Result<JoinEnd> JoinEmpty(const config::CommandLine& command, const config::Config& config,
                          NodeId self, ports::ObjectStore* store, ports::MetaStore* meta,
                          const sigset_t& signals, const Clock* clock, Logger* logger);

// When a node that runs without tables may join again. Where that brings nothing, because no other
// node makes snapshots for example, the next time is further and further away.
class JoinAgain {
 public:
  // `elsewhere`: it hears of tables on other nodes. Its id, if it is to be stopped and to join now.
  std::optional<NodeId> Due(const config::Config& config, bool elsewhere, const Clock& clock) const;
  void Done(const Clock& clock);

 private:
  int64_t pause_ms_ = 10'000;
  int64_t not_before_ms_ = 0;  // monotonic
};

}  // namespace harmonylite::cli
