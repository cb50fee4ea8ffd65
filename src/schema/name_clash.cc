#include "schema/name_clash.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "sqlite/identifier.h"
#include "sqlite/scratch_schema.h"

namespace harmonylite::schema {

namespace {

using sqlite::FoldCase;
using Rows = std::map<ObjectId, ObjectRow>;

// Returns the live tables by their names in folded case, each list in the order of identities.
std::map<std::string, std::vector<const ObjectRow*>> LiveTables(const Rows& rows) {
  std::map<std::string, std::vector<const ObjectRow*>> out;
  for (const auto& [key, row] : rows)
    if (key.kind == ObjectKind::kTable && !row.dropped()) out[FoldCase(row.name())].push_back(&row);
  return out;
}

// Returns the name that the row gets; `taken` are those of other tables, in folded case.
std::string OtherName(const ObjectRow& row, const std::set<std::string>& taken) {
  for (auto name = row.names.rbegin(); name != row.names.rend(); ++name)
    if (!taken.contains(FoldCase(*name))) return *name;
  int number = 2;
  const auto numbered = [&] { return fmt::format("{}_{}", row.name(), number); };
  while (taken.contains(FoldCase(numbered()))) ++number;
  return numbered();
}

}  // namespace

std::vector<ObjectRow> TablesThatGiveWay(const Rows& rows) {
  const auto tables = LiveTables(rows);
  std::set<std::string> taken;
  for (const auto& [name, same] : tables) taken.insert(name);
  std::vector<ObjectRow> out;
  for (const auto& [name, same] : tables) {
    if (same.size() < 2) continue;
    const auto made = std::ranges::find_if(
        same, [&, &name = name](const ObjectRow* row) { return row->key.id == name; });
    const ObjectRow* keeps = made == same.end() ? same.front() : *made;
    for (const ObjectRow* row : same) {
      if (row == keeps) continue;
      std::string other = OtherName(*row, taken);
      auto text = sqlite::RenameTableIn(row->sql, row->name(), other);
      if (!text.ok()) continue;
      taken.insert(FoldCase(other));
      ObjectRow renamed = *row;
      renamed.sql = std::move(*text);
      std::erase(renamed.names, other);
      renamed.names.push_back(std::move(other));
      out.push_back(std::move(renamed));
    }
  }
  return out;
}

std::vector<ObjectId> WithoutAName(const Rows& rows) {
  std::vector<ObjectId> out;
  std::set<std::string> taken;
  for (const ObjectKind kind : {ObjectKind::kTable, ObjectKind::kView, ObjectKind::kIndex})
    for (const auto& [key, row] : rows) {
      if (key.kind != kind || row.dropped()) continue;
      if (!taken.insert(FoldCase(row.name())).second && kind != ObjectKind::kTable)
        out.push_back(key);
    }
  return out;
}

}  // namespace harmonylite::schema
