// The JSON that commands print for programs. Keys stay in the order in which they were added.
//
// Threads: any.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/ids.h"

namespace harmonylite::cli {

using Json = nlohmann::ordered_json;

// A node's number as text, because many readers of JSON hold numbers as doubles, which are exact to
// 2^53 only.
inline std::string NodeNumber(NodeId node) { return fmt::format("{}", node.value); }

// Returns the value as text of several lines. Bytes that are not UTF-8 are replaced, because JSON
// cannot hold them.
inline std::string JsonText(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

inline void PrintJson(const Json& value) { fmt::print("{}\n", JsonText(value)); }

}  // namespace harmonylite::cli
