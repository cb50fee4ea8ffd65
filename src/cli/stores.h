// The configured store for snapshots.
#pragma once

#include <memory>
#include <string>

#include "adapters/nats/connection.h"
#include "base/result.h"
#include "config/config.h"
#include "ports/object_store.h"

namespace harmonylite::cli {

// Reaches for nothing yet. `connection` is needed for the NATS store alone, and need not be
// connected. kInvalidArgument: the store's URL, or a file that it names.
Result<std::unique_ptr<ports::ObjectStore>> OpenStore(const config::SnapshotConfig& config,
                                                    std::shared_ptr<nats::Connection> connection);

// Where the objects are, for messages: without credentials.
std::string DescribeStore(const config::SnapshotConfig& config);

}  // namespace harmonylite::cli
