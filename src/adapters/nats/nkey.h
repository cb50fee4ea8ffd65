// The public half of a user nkey, which the client library wants beside the file with the seed.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::nats {

// `seed`: "SU…", base32. kInvalidArgument: not a seed; the message never shows any of it.
Result<std::string> PublicNkey(std::string_view seed);
// The same for the first seed in a file.
Result<std::string> PublicNkeyOfFile(const std::string& path);

}  // namespace harmonylite::nats
