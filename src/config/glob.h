// Patterns for table names: '*' is any run of characters, '?' is one character, all else is itself.
#pragma once

#include <string_view>

namespace harmonylite::config {

// Whether the whole of `name` matches. As SQLite compares names, ASCII letters match in either case
// and all other bytes exactly; a character is a UTF-8 sequence. Time: at most pattern length times
// name length.
bool GlobMatch(std::string_view pattern, std::string_view name);

}  // namespace harmonylite::config
