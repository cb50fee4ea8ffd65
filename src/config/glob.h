// Patterns for table names. '*' matches any run of characters, '?' matches one character, and every
// other character matches itself.
//
// Threads: a pure function.
#pragma once

#include <string_view>

namespace harmonylite::config {

// Returns whether the whole of `name` matches. ASCII letters match in either case and all other
// bytes exactly, as SQLite compares names. A character is a UTF-8 sequence. The time is at most
// proportional to the length of the pattern times the length of the name.
bool GlobMatch(std::string_view pattern, std::string_view name);

}  // namespace harmonylite::config
