// A TOML document as plain values with their places in the text. Only this module uses the TOML
// library. Untrusted text is safe, because sizes and depths are bounded.
//
// Threads: plain values and pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite::config {

// A place in the text. Lines and columns count from 1, and columns count characters, not bytes.
// Line 0 means that the value is not in the text.
struct Position {
  int line = 0;
  int column = 0;
  auto operator<=>(const Position&) const = default;
};

struct TomlEntry;

struct TomlValue {
  enum class Kind { kString, kInteger, kFloat, kBoolean, kDate, kArray, kTable };

  Kind kind = Kind::kTable;
  Position at;
  std::string text;                // of a kString
  int64_t integer = 0;             // of a kInteger
  bool boolean = false;            // of a kBoolean
  std::vector<TomlValue> items;    // of a kArray
  std::vector<TomlEntry> entries;  // of a kTable
};

struct TomlEntry {
  std::string key;
  Position at;  // place of the key
  TomlValue value;
};

// Returns words for messages, such as "a string" or "an integer".
const char* KindName(TomlValue::Kind kind);

// Returns "path:line:column: message".
std::string AtPlace(const std::string& path, Position at, std::string_view message);

constexpr size_t kMaxTomlBytes = 1 << 20;

// Parses a document; its top level is a table. kInvalidArgument: the message names the place of the
// first syntax error, and shows nothing of a line that may hold a secret. `path` is used only in
// messages.
Result<TomlValue> ParseToml(std::string_view text, const std::string& path);

}  // namespace harmonylite::config
