// How a flag is written: "-name" or "--name", each with or without "=value".
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::config {

struct FlagWord {
  std::string name;  // without its dashes
  std::optional<std::string> value;
};

// Returns nothing if the word is no flag. "-" and "--" are none.
std::optional<FlagWord> AsFlag(std::string_view word);

// Reads the value of a switch in the words that Go's flag package accepts, as in -cleanup=false.
Result<bool> ParseSwitch(std::string_view value);

}  // namespace harmonylite::config
