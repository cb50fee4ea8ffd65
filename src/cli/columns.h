// Prints rows of text in columns, for people to read; the first row is the heading.
//
// Threads: any.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/visible_text.h"

namespace harmonylite::cli {

// Prints `rows`, which must not be empty. All rows must have as many cells as the first one. Cells
// are made visible (base/visible_text.h).
inline void PrintColumns(std::vector<std::vector<std::string>> rows) {
  for (auto& row : rows)
    for (std::string& cell : row) cell = Visible(cell);
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    while (line.ends_with(' ')) line.pop_back();
    fmt::print("{}\n", line);
  }
}

}  // namespace harmonylite::cli
