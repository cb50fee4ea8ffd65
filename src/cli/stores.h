// Opens the configured store for snapshots.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>

#include "adapters/nats/connection.h"
#include "base/result.h"
#include "config/config.h"
#include "ports/object_store.h"

namespace harmonylite::cli {

// Makes the store, but does not reach for it yet. Only the NATS store needs `connection`, which
// need not be connected. kInvalidArgument: the store's URL, or a file that it names, cannot be
// used.
Result<std::unique_ptr<ports::ObjectStore>> OpenStore(const config::SnapshotConfig& config,
                                                      std::shared_ptr<nats::Connection> connection);

// Returns where the snapshots are, as text for messages, without credentials.
std::string DescribeStore(const config::SnapshotConfig& config);

}  // namespace harmonylite::cli
