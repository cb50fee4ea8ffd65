// Computes the public half of a user nkey. The client library wants it beside the seed file.
//
// Threads: any; pure functions, except that PublicNkeyOfFile() reads a file.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::nats {

// `seed` is base32 text that starts with "SU". kInvalidArgument: it is not a seed; the message
// never shows any of it.
Result<std::string> PublicNkey(std::string_view seed);
// Returns the public key of the first seed in the file at `path`.
Result<std::string> PublicNkeyOfFile(const std::string& path);

}  // namespace harmonylite::nats
