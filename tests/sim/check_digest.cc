#include <fmt/format.h>

#include "sim/checks.h"

namespace harmonylite::sim {

Violation CheckDigest(const Picture& picture, const node::VerifyAnswer& digest) {
  if (!picture.vector.Covers(digest.progress) || !digest.progress.Covers(picture.vector))
    return "a digest is of another progress than its node";
  for (const node::TableDigest& table : digest.tables) {
    if (!picture.rows.contains(table.table)) continue;
    if (table.damaged != 0)
      return fmt::format("a digest finds {} damaged rows in table {}", table.damaged, table.table);
    const auto rows = static_cast<int64_t>(picture.rows.at(table.table).size());
    const auto shadowed = static_cast<int64_t>(picture.shadowed.at(table.table).size());
    if (table.rows != rows || table.shadowed != shadowed)
      return fmt::format("a digest counts {} rows and {} shadowed ones in table {}, which has {} and {}", table.rows,
                         table.shadowed, table.table, rows, shadowed);
  }
  return std::nullopt;
}

Violation CheckDigests(const node::VerifyAnswer& a, const node::VerifyAnswer& b) {
  std::map<std::string, const node::TableDigest*> others;
  for (const node::TableDigest& table : b.tables) others[table.table] = &table;
  for (const node::TableDigest& table : a.tables) {
    const auto other = others.find(table.table);
    if (other == others.end()) continue;
    if (table.images != other->second->images || table.versions != other->second->versions ||
        table.shadows != other->second->shadows)
      return fmt::format("digests of table {} differ at equal progress", table.table);
  }
  return std::nullopt;
}

}  // namespace harmonylite::sim
