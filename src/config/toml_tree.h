// A TOML document as plain values with their places in the text.
//
// The only door to the TOML library. Untrusted text is fine: sizes and depths are bounded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite::config {

// Both from 1; columns count characters, not bytes. Line 0: not in the text.
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
  std::string text;                // kString
  int64_t integer = 0;             // kInteger
  bool boolean = false;            // kBoolean
  std::vector<TomlValue> items;    // kArray
  std::vector<TomlEntry> entries;  // kTable
};

struct TomlEntry {
  std::string key;
  Position at;  // of the key
  TomlValue value;
};

// "a string", "an integer", …
const char* KindName(TomlValue::Kind kind);

// "path:line:column: message".
std::string AtPlace(const std::string& path, Position at, std::string_view message);

constexpr size_t kMaxTomlBytes = 1 << 20;

// The top level as a table. kInvalidArgument with the place of the first syntax error; its message
// shows nothing of a line that may hold a secret. `path` is for messages only.
Result<TomlValue> ParseToml(std::string_view text, const std::string& path);

}  // namespace harmonylite::config
