#include "cli/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/visible_text.h"

namespace harmonylite::cli {

std::string NodeNumber(NodeId node) { return fmt::format("{}", node.value); }

// The library spells the ASCII control characters. Others that act on a terminal are C1 and the
// marks of direction; all of them are in the first plane, which JSON's \u reaches.
std::string JsonText(const Json& value) {
  const std::string plain = value.dump(2, ' ', false, Json::error_handler_t::replace);
  std::string out;
  for (size_t at = 0; at < plain.size();) {
    const std::string_view rest = std::string_view(plain).substr(at);
    const size_t length = std::max<size_t>(Utf8Length(rest), 1);
    if (length > 1 && ActsOnTerminal(rest, length))
      out += fmt::format("\\u{:04x}", CodePoint(rest.substr(0, length)));
    else
      out += rest.substr(0, length);
    at += length;
  }
  return out;
}

}  // namespace harmonylite::cli
