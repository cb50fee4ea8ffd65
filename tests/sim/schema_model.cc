#include "sim/schema_model.h"

#include <fmt/format.h>

#include <algorithm>

namespace harmonylite::sim {

bool SchemaModel::IsUntouched(const std::string& name) const {
  return First(name) == name && !IsDropped(name) &&
         std::none_of(renamed_.begin(), renamed_.end(),
                      [&](const auto& one) { return one.second == name; });
}

void SchemaModel::DroppedTable(const std::string& table, const ShownRows& rows) {
  Dropped(table);
  seen_by_droppers_.push_back(rows);
}

void SchemaModel::Wrote(const std::string& table, const std::string& id,
                        const std::map<std::string, std::string>& values) {
  WrittenRow& row = rows_[id];
  row.table = table;
  for (const auto& [column, value] : values) row.values[First(column)] = value;
}

std::string SchemaModel::First(std::string name) const {
  for (auto it = renamed_.find(name); it != renamed_.end(); it = renamed_.find(name))
    name = it->second;
  return name;
}

template <typename Names>
std::optional<std::string> SchemaModel::Present(const Names& names, const std::string& name) const {
  for (const std::string& one : names)
    if (First(one) == First(name)) return one;
  return std::nullopt;
}

std::optional<std::string> SchemaModel::Check(
    const ShownTables& tables, const std::function<ShownRows(const ShownTable&)>& rows,
    const std::set<std::string>& listed) const {
  std::vector<std::string> names;
  std::map<std::string, ShownRows> shown;
  for (const auto& [name, table] : tables) {
    names.push_back(name);
    shown[name] = rows(table);
  }
  for (const std::string& table : tables_)
    if (!IsDropped(table) && !Present(names, table)) return "table " + table + " was lost";
  for (const auto& [column, table] : columns_) {
    const std::optional<std::string> there = Present(names, table);
    if (!there || IsDropped(column)) continue;
    if (!IsDropped(table) && !Present(tables.at(*there).columns, column))
      return fmt::format("column {} of table {} was lost", column, *there);
  }
  for (const auto& [id, row] : rows_) {
    const std::optional<std::string> there = Present(names, row.table);
    if (IsDropped(row.table)) {
      const bool here = there && shown[*there].contains(id);
      if (!here && !listed.contains(id) && !WasSeen(id, row))
        return fmt::format("row {} of the dropped table {} was set aside nowhere", id, row.table);
    } else if (std::optional<std::string> wrong =
                   CheckRow(id, row, tables.at(*there), shown[*there], listed)) {
      return wrong;
    }
  }
  return std::nullopt;
}

std::optional<std::string> SchemaModel::CheckRow(const std::string& id, const WrittenRow& row,
                                                 const ShownTable& table, const ShownRows& shown,
                                                 const std::set<std::string>& listed) const {
  const auto found = shown.find(id);
  if (found == shown.end() && listed.contains(id)) return std::nullopt;
  if (found == shown.end()) return fmt::format("row {} of table {} was lost", id, table.name);
  for (const auto& [column, value] : row.values) {
    const std::optional<std::string> there = Present(table.columns, column);
    if (!there || IsDropped(column)) continue;
    if (found->second.at(*there) != value && !listed.contains(value))
      return fmt::format("column {} of row {} in table {} is '{}', and '{}' was written", *there,
                         id, table.name, found->second.at(*there), value);
  }
  return std::nullopt;
}

bool SchemaModel::WasSeen(const std::string& id, const WrittenRow& row) const {
  return std::any_of(
      seen_by_droppers_.begin(), seen_by_droppers_.end(), [&](const ShownRows& seen) {
        const auto found = seen.find(id);
        return found != seen.end() &&
               std::all_of(row.values.begin(), row.values.end(), [&](const auto& written) {
                 const bool still =
                     std::any_of(found->second.begin(), found->second.end(),
                                 [&](const auto& value) { return value.second == written.second; });
                 return still || IsDropped(written.first);
               });
      });
}

}  // namespace harmonylite::sim
