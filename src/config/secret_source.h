// Reads secrets that do not stand in the configuration file: from the environment, and from files
// of their own.
//
// Threads: any, as long as no thread changes the environment.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::config {

struct Expanded {
  std::string text;
  bool from_environment = false;  // at least one ${NAME} was replaced
};

// Replaces each ${NAME} by the environment variable of that name; "$${" stands for "${".
// kInvalidArgument: a variable is not set, or the braces hold no name.
Result<Expanded> ExpandEnvironment(std::string_view text);

// Returns the content of a regular file of at most 64 KiB, without line ends at its end.
// kInvalidArgument: the file cannot be read or is empty.
Result<std::string> ReadSecretFile(const std::string& path);

}  // namespace harmonylite::config
