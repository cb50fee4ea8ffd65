// Private to src/adapters/nats: makes one connection, in bounded time.
//
// libnats 3.4.1 waits for ever if a server falls silent in the middle of the handshake, and while
// it reconnects by itself it holds the connection's lock. Therefore the library may not reconnect
// by itself, and every attempt runs in a thread of its own, which is abandoned when the time is up.
//
// Threads: any.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "adapters/nats/connection_options.h"
#include "adapters/nats/session.h"
#include "base/result.h"

namespace harmonylite::nats {

// Tries the servers once; `stop` ends the wait early. Returns the same errors as
// Connection::EnsureConnected().
Result<std::shared_ptr<Session>> ConnectOnce(const ConnectionOptions& options,
                                             const std::vector<std::string>& urls,
                                             const std::atomic<bool>& stop);

// Moves credentials inside the urls to user_name and user_password, where these are empty.
// kInvalidArgument: an address that cannot be used.
Status NormalizeUrls(ConnectionOptions* options);

}  // namespace harmonylite::nats
