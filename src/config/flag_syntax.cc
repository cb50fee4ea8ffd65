#include "config/flag_syntax.h"

namespace harmonylite::config {

std::optional<FlagWord> AsFlag(std::string_view word) {
  if (word.size() < 2 || word[0] != '-' || word == "--") return std::nullopt;
  word.remove_prefix(word[1] == '-' ? 2 : 1);
  const size_t equals = word.find('=');
  FlagWord flag{std::string(word.substr(0, equals)), std::nullopt};
  if (equals != std::string_view::npos) flag.value = word.substr(equals + 1);
  return flag;
}

Result<bool> ParseSwitch(std::string_view value) {
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (value == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (value == no) return false;
  }
  return Error(ErrorCode::kInvalidArgument, "expected true or false");
}

}  // namespace harmonylite::config
