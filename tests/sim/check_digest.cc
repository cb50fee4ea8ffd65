#include <fmt/format.h>

#include <algorithm>

#include "sim/alterations.h"

namespace harmonylite::sim {

Violation CheckDigest(const Picture& picture, const node::VerifyAnswer& digest,
                      const std::vector<const Alteration*>& altered) {
  if (!picture.vector.Covers(digest.progress) || !digest.progress.Covers(picture.vector))
    return "a digest is of another progress than its node";
  for (const node::TableDigest& table : digest.As<node::TableDigests>().tables) {
    if (!picture.rows.contains(table.table)) continue;
    const auto damaged = std::count_if(altered.begin(), altered.end(), [&](const Alteration* one) {
      return one->table == table.table;
    });
    if (table.damaged != damaged)
      return fmt::format("a digest finds {} damaged rows in table {}, where {} were altered",
                         table.damaged, table.table, damaged);
    const auto rows = static_cast<int64_t>(picture.rows.at(table.table).size());
    const auto shadowed = static_cast<int64_t>(picture.shadowed.at(table.table).size());
    if (table.rows != rows || table.shadowed != shadowed)
      return fmt::format(
          "a digest counts {} rows and {} shadowed ones in table {}, which has {} and {}",
          table.rows, table.shadowed, table.table, rows, shadowed);
  }
  return std::nullopt;
}

Violation CheckDigests(const node::VerifyAnswer& a, const node::VerifyAnswer& b,
                       const std::set<std::string>& differ) {
  std::map<std::string, const node::TableDigest*> others;
  for (const node::TableDigest& table : b.As<node::TableDigests>().tables)
    others[table.table] = &table;
  for (const node::TableDigest& table : a.As<node::TableDigests>().tables) {
    const auto other = others.find(table.table);
    if (other == others.end()) continue;
    const bool same = table.images == other->second->images &&
                      table.versions == other->second->versions &&
                      table.shadows == other->second->shadows;
    if (same == differ.contains(table.table))
      return fmt::format("digests of table {} {} at equal progress", table.table,
                         same ? "are equal though a row was altered" : "differ");
  }
  return std::nullopt;
}

}  // namespace harmonylite::sim
