// Serves the health and the metrics of the running sidecar over HTTP, if the configuration asks for
// it.
//
// Threads: one owner; the requests are answered on threads of the servers.
#pragma once

#include <memory>
#include <vector>

#include "adapters/hooks/hooks.h"
#include "adapters/nats/connection.h"
#include "base/clock.h"
#include "base/logger.h"
#include "base/result.h"
#include "config/config.h"
#include "node/node.h"
#include "ops/http_server.h"

namespace harmonylite::cli {

using Observers = std::vector<std::unique_ptr<ops::HttpServer>>;

// Starts the configured servers. `node`, `connection`, `hooks` and `clock` must outlive them,
// because every answer reads these anew. `hooks` may be null.
Result<Observers> StartObservers(const config::Config& config, const node::Node& node,
                                 const nats::Connection& connection, const hooks::Hooks* hooks,
                                 const Clock& clock, Logger* logger);

}  // namespace harmonylite::cli
