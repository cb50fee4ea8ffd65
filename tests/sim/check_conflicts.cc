#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

Violation CheckRow(const std::string& table, const std::string& key,
                   const std::vector<Write>& writes, const Losers& losers) {
  VersionRank newest{};
  std::set<VersionRank> known;  // versions that a later write replaced knowingly
  for (const Write& write : writes) {
    if (write.may_be_lost) return std::nullopt;
    newest = std::max(newest, Rank(write));
    known.insert(write.replaced);
  }
  for (const Write& write : writes) {
    // Deletes are left out. A delete that lost to another delete is no loss, and the ledger does
    // not say which writes a delete met on its way.
    if (!write.present || Rank(write) == newest || known.contains(Rank(write))) continue;
    if (!losers.contains({table, write.hlc, write.node}))
      return fmt::format(
          "a write was lost in silence: table {} key {} stamp {} of node {}, and the row is at "
          "stamp {} of node {}",
          table, key, write.hlc, write.node, newest.first, newest.second);
  }
  return std::nullopt;
}

}  // namespace

Violation CheckConflicts(const Ledger& ledger, const Losers& losers) {
  for (const auto& [table, keys] : ledger.writes())
    for (const auto& [key, writes] : keys)
      if (Violation found = CheckRow(table, key, writes, losers)) return found;
  return std::nullopt;
}

}  // namespace harmonylite::sim
