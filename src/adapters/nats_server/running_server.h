// Finds the nats-server that another process of ours has started.
//
// Threads: pure functions over the file system.
#pragma once

#include <string>

#include "adapters/nats_server/server_options.h"
#include "base/result.h"

namespace harmonylite::nats_server {

// What a running node's own nats-server listens on, from the file that the server writes.
Result<std::string> UrlOfRunningServer(const ServerOptions& options);

}  // namespace harmonylite::nats_server
