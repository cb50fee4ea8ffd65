// Encodes a row's image together with the names of its columns, for rows that are kept outside of
// their table. Such an image can be read whatever becomes of the table's columns. The layout is in
// docs/formats/hidden-tables.md.
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
  Row values;  // One value per column.
  bool operator==(const NamedImage&) const = default;
};

// `columns` and `values` have the same length.
std::string EncodeImage(std::span<const std::string> columns, std::span<const ValueView> values);
// kCorruption: the bytes are not what EncodeImage wrote.
Result<NamedImage> DecodeImage(std::string_view bytes);

}  // namespace harmonylite::change
