// Finds the nats-server that another process of ours has started.
//
// Threads: any; reads only the file system.
#pragma once

#include <string>

#include "adapters/nats_server/server_options.h"
#include "base/result.h"

namespace harmonylite::nats_server {

// Returns the url on which a running node's own nats-server listens, from the ports file that the
// server writes. kRetryLater: there is no such file.
Result<std::string> UrlOfRunningServer(const ServerOptions& options);

}  // namespace harmonylite::nats_server
