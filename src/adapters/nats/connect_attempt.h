// Private to src/adapters/nats: making one connection, in bounded time.
//
// libnats 3.4.1 waits for ever when a server falls silent in the middle of the handshake, and while
// it reconnects by itself it does so with the connection's lock held. So it may not reconnect by
// itself, and every attempt runs in a thread of its own that is left behind when time is up.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "adapters/nats/connection_options.h"
#include "adapters/nats/session.h"
#include "base/result.h"

namespace harmonylite::nats {

// Tries the servers once; `stop` ends the wait early. Errors as Connection::EnsureConnected.
Result<std::shared_ptr<Session>> ConnectOnce(const ConnectionOptions& options,
                                             const std::vector<std::string>& urls,
                                             const std::atomic<bool>& stop);

// kInvalidArgument: an address that cannot be used. Credentials inside the urls move to
// user_name and user_password where these are empty.
Status NormalizeUrls(ConnectionOptions* options);

}  // namespace harmonylite::nats
