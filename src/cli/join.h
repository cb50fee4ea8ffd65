// Before a node is opened on an empty database: the rest of the cluster is asked what should be in it.
#pragma once

#include <signal.h>

#include <optional>

#include "base/clock.h"
#include "base/ids.h"
#include "base/logger.h"
#include "base/result.h"
#include "config/config.h"
#include "log/meta_store.h"
#include "log/object_store.h"

namespace harmonylite::cli {

// Nothing: the database is not one that a snapshot may be restored into, or this node is not to have one. Else the
// node's id: as configured, as in the file, or a new one.
Result<std::optional<NodeId>> JoinsAs(const config::Config& config);

enum class JoinEnd { kGoOn, kAskedToEnd };
// Restores the newest snapshot, waits for one, or leaves the database empty; see node/empty_join.h. Shows progress
// meanwhile, and ends when one of `signals`, which are blocked, comes.
Result<JoinEnd> JoinEmpty(const config::Config& config, NodeId self, log::ObjectStore* store,
                          log::MetaStore* meta, const sigset_t& signals, const Clock* clock,
                          Logger* logger);

}  // namespace harmonylite::cli
