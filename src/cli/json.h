// The JSON that commands print for programs. Keys stay in the order in which they were added.
//
// Threads: any.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/ids.h"

namespace harmonylite::cli {

using Json = nlohmann::ordered_json;

// A node's number as text, because many readers of JSON hold numbers as doubles, which are exact to
// 2^53 only.
std::string NodeNumber(NodeId node);

// Returns the value as text of several lines. Bytes that are not UTF-8 are replaced, because JSON
// cannot hold them, and characters that act on a terminal are spelled.
std::string JsonText(const Json& value);

}  // namespace harmonylite::cli
