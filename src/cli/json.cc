#include "cli/json.h"

#include <fmt/format.h>

namespace harmonylite::cli {

std::string NodeNumber(NodeId node) { return fmt::format("{}", node.value); }

std::string JsonText(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace harmonylite::cli
