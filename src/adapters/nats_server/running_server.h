// Finds the nats-server that another process of ours has started.
//
// Threads: any; reads only the file system.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace harmonylite::nats_server {

// Returns the urls on which a running node's own nats-server may listen: one for each ports file
// that servers have left in their folder. A server that was killed has left one too.
// kRetryLater: there is none.
Result<std::vector<std::string>> UrlsOfRunningServer(const std::string& store_dir);

}  // namespace harmonylite::nats_server
