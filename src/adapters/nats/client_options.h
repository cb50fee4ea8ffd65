// Private to src/adapters/nats: translates ConnectionOptions into the client library's options.
//
// Threads: any; pure functions, except that they read files.
#pragma once

#include <string>
#include <vector>

#include "adapters/nats/connection_options.h"
#include "adapters/nats/session.h"

namespace harmonylite::nats {

// kInvalidArgument: a file cannot be read, or an option cannot be used; the message names the
// setting.
Result<OptionsPtr> MakeClientOptions(const ConnectionOptions& options,
                                     const std::vector<std::string>& urls);

}  // namespace harmonylite::nats
