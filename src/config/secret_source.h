// Where secrets come from besides the file itself.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::config {

struct Expanded {
  std::string text;
  bool from_environment = false;  // at least one ${NAME} was replaced
};

// Replaces each ${NAME} by the environment variable; "$${" stands for "${". kInvalidArgument when a
// variable is not set or the braces hold no name.
Result<Expanded> ExpandEnvironment(std::string_view text);

// The content of a regular file of up to 64 KiB without the line end at its end. kInvalidArgument
// when it cannot be read or is empty.
Result<std::string> ReadSecretFile(const std::string& path);

}  // namespace harmonylite::config
