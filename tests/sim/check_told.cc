#include <fmt/format.h>

#include "sim/checks.h"

namespace harmonylite::sim {

Violation CheckTold(const Picture& before, const Picture& after,
                    const std::set<std::string>& told) {
  for (const auto& [table, rows] : after.rows) {
    const auto at = before.rows.find(table);
    const bool differs = at == before.rows.end() ? !rows.empty() : at->second != rows;
    if (differs && !told.contains(table))
      return fmt::format("the consumer has changed rows of {} and told nobody", table);
  }
  return std::nullopt;
}

}  // namespace harmonylite::sim
