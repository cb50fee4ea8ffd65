// A row's image together with the names of its columns, for keeping outside of its table: such an image is
// understood whatever becomes of the table. Layout: docs/formats/hidden-tables.md.
//
// Threads: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "change/value.h"

namespace harmonylite::change {

struct NamedImage {
  std::vector<std::string> columns;
  Row values;  // as many
  bool operator==(const NamedImage&) const = default;
};

// Both of the same length.
std::string EncodeImage(std::span<const std::string> columns, std::span<const ValueView> values);
// kCorruption: not what EncodeImage wrote.
Result<NamedImage> DecodeImage(std::string_view bytes);

}  // namespace harmonylite::change
