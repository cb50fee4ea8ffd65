#include "schema/objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "sqlite/identifier.h"

namespace harmonylite::schema {

namespace {

using sqlite::Connection;
using sqlite::FoldCase;
using sqlite::SameName;
using sqlite::Statement;

constexpr std::array<std::pair<ObjectKind, std::string_view>, 5> kNames = {{
    {ObjectKind::kTable, "table"},
    {ObjectKind::kView, "view"},
    {ObjectKind::kIndex, "index"},
    {ObjectKind::kTrigger, "trigger"},
    {ObjectKind::kPragma, "pragma"},
}};

bool StartsWith(std::string_view name, std::string_view prefix) {
  return SameName(name.substr(0, prefix.size()), prefix);
}

// Returns the tables that hold the content of virtual tables, in folded case.
Result<std::set<std::string>> ShadowTables(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name FROM pragma_table_list WHERE schema = 'main' "
                                         "AND type = 'shadow'"));
  std::set<std::string> out;
  HL_TRY(list->ForEachRow([&](const Statement& row) { out.insert(FoldCase(row.Text(0))); }));
  return out;
}

Result<int64_t> Number(Connection* db, const char* sql) {
  HL_ASSIGN(auto read, db->PrepareCached(sql));
  HL_ASSIGN(const bool row, read->Step());
  return row ? read->Int(0) : 0;
}

void AddPragma(std::string_view name, int64_t value, std::vector<Object>* out) {
  if (value != 0)
    out->push_back({ObjectKind::kPragma, std::string(name), {}, fmt::format("{}", value)});
}

}  // namespace

std::string_view KindName(ObjectKind kind) {
  for (const auto& [known, name] : kNames)
    if (known == kind) return name;
  return {};
}

std::optional<ObjectKind> KindOf(std::string_view name) {
  for (const auto& [kind, known] : kNames)
    if (known == name) return kind;
  return std::nullopt;
}

bool IsReserved(std::string_view name) {
  return StartsWith(name, kHiddenPrefix) || StartsWith(name, "sqlite_");
}

bool IsVirtual(std::string_view sql) { return StartsWith(sql, "CREATE VIRTUAL TABLE "); }

Result<std::vector<Object>> ListObjects(Connection* db, const LoadOptions& options) {
  HL_ASSIGN(const std::set<std::string> shadows, ShadowTables(db));
  HL_ASSIGN(auto list, db->PrepareCached("SELECT type, name, tbl_name, sql FROM sqlite_schema "
                                         "WHERE sql IS NOT NULL"));
  std::vector<Object> all;
  HL_TRY(list->ForEachRow([&](const Statement& row) {
    const auto kind = KindOf(row.Text(0));
    // Most texts of a large schema are those of our triggers.
    if (!kind || (*kind != ObjectKind::kTable && IsReserved(row.Text(1)))) return;
    all.push_back(
        {*kind, std::string(row.Text(1)), std::string(row.Text(2)), std::string(row.Text(3))});
  }));
  std::set<std::string> tables;  // that are left out, in folded case
  for (const Object& object : all)
    if (object.kind == ObjectKind::kTable &&
        (IsReserved(object.name) || shadows.contains(FoldCase(object.name)) ||
         (options.include && !options.include(object.name))))
      tables.insert(FoldCase(object.name));
  std::vector<Object> out;
  for (Object& object : all) {
    if (IsReserved(object.name) || tables.contains(FoldCase(object.table))) continue;
    const bool belongs = object.kind == ObjectKind::kIndex || object.kind == ObjectKind::kTrigger;
    if (!belongs) object.table.clear();
    out.push_back(std::move(object));
  }
  HL_ASSIGN(const HeaderNumbers numbers, ReadHeaderNumbers(db));
  AddPragma("user_version", numbers.user_version, &out);
  AddPragma("application_id", numbers.application_id, &out);
  std::ranges::stable_sort(out, {}, &Object::kind);
  return out;
}

Result<HeaderNumbers> ReadHeaderNumbers(Connection* db) {
  HeaderNumbers out;
  HL_ASSIGN(out.version, Number(db, "PRAGMA schema_version"));
  HL_ASSIGN(out.user_version, Number(db, "PRAGMA user_version"));
  HL_ASSIGN(out.application_id, Number(db, "PRAGMA application_id"));
  return out;
}

}  // namespace harmonylite::schema
