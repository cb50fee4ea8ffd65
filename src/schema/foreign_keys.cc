#include "schema/foreign_keys.h"

#include <algorithm>
#include <map>

#include "sqlite/identifier.h"

namespace harmonylite::schema {

namespace {

using sqlite::Connection;
using sqlite::FoldCase;
using sqlite::Statement;

// How SQLite stores and compares values of a column.
enum class Affinity { kBlob, kText, kNumeric, kOther };

bool Has(const std::string& type, const char* word) { return type.find(word) != std::string::npos; }

// Follows SQLite's rules for affinity. INTEGER, REAL and NUMERIC count as one, because they differ
// only in how a number is stored. ANY is kOther, because it means one thing in STRICT tables and
// another elsewhere.
Affinity AffinityOf(const std::string& declared) {
  const std::string type = FoldCase(declared);
  if (type == "any") return Affinity::kOther;
  if (Has(type, "int")) return Affinity::kNumeric;
  if (Has(type, "char") || Has(type, "clob") || Has(type, "text")) return Affinity::kText;
  if (type.empty() || Has(type, "blob")) return Affinity::kBlob;
  return Affinity::kNumeric;
}

struct Column {
  std::string name;
  Affinity affinity = Affinity::kBlob;
  std::string collation;
};

struct Columns {
  std::map<std::string, Column> by_name;  // the map's keys are names in folded case
  std::vector<std::string> primary;       // names of the primary key's columns, in the key's order

  const Column* Find(const std::string& name) const {
    const auto it = by_name.find(FoldCase(name));
    return it == by_name.end() ? nullptr : &it->second;
  }
};

Result<Columns> LoadColumns(Connection* db, const std::string& table) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name, type, pk FROM pragma_table_xinfo(?1)"));
  list->Bind(1, table);
  Columns out;
  std::map<int64_t, std::string> primary;
  HL_TRY(list->ForEachRow([&](const Statement& row) {
    Column column{std::string(row.Text(0)), AffinityOf(std::string(row.Text(1))), {}};
    if (row.Int(2) > 0) primary[row.Int(2)] = column.name;
    out.by_name[FoldCase(column.name)] = std::move(column);
  }));
  for (auto& [name, column] : out.by_name) {
    HL_ASSIGN(column.collation, db->ColumnCollation(table, column.name));
  }
  for (auto& [position, name] : primary) out.primary.push_back(std::move(name));
  return out;
}

// Fills in what the declaration leaves to the parent's table: the referred columns where none are
// named, their collations, and whether both sides are alike. `own` has the columns of the declaring
// table.
Status Complete(Connection* db, const Columns& own, ForeignKey* key) {
  HL_ASSIGN(const Columns parent, LoadColumns(db, key->parent));
  const bool implicit = std::any_of(key->parent_columns.begin(), key->parent_columns.end(),
                                    [](const std::string& name) { return name.empty(); });
  if (implicit) key->parent_columns = parent.primary;
  if (key->parent_columns.size() != key->columns.size()) {
    key->parent_columns.clear();
    return Ok();
  }
  key->alike = true;
  for (size_t i = 0; i < key->columns.size(); ++i) {
    const Column* ours = own.Find(key->columns[i]);
    const Column* theirs = parent.Find(key->parent_columns[i]);
    key->collations.push_back(theirs == nullptr ? "BINARY" : theirs->collation);
    key->alike = key->alike && ours != nullptr && theirs != nullptr &&
                 ours->affinity != Affinity::kOther && ours->affinity == theirs->affinity &&
                 sqlite::SameName(ours->collation, theirs->collation);
  }
  return Ok();
}

}  // namespace

Result<std::vector<ForeignKey>> ListForeignKeys(Connection* db, const std::string& table) {
  // SQLite numbers foreign keys from the last declared one to the first.
  HL_ASSIGN(auto list,
            db->PrepareCached("SELECT id, \"table\", \"from\", coalesce(\"to\", '') FROM "
                              "pragma_foreign_key_list(?1) ORDER BY id DESC, seq"));
  list->Bind(1, table);
  std::vector<ForeignKey> out;
  int64_t id = -1;
  HL_TRY(list->ForEachRow([&](const Statement& row) {
    if (row.Int(0) != id) out.push_back({std::string(row.Text(1)), {}, {}, false, {}});
    id = row.Int(0);
    out.back().columns.emplace_back(row.Text(2));
    out.back().parent_columns.emplace_back(row.Text(3));
  }));
  if (out.empty()) return out;
  HL_ASSIGN(const Columns own, LoadColumns(db, table));
  for (ForeignKey& key : out) HL_TRY(Complete(db, own, &key));
  return out;
}

Result<std::set<std::string>> TablesThatActOnThemselves(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached(
                           "WITH RECURSIVE action(parent, child) AS ("
                           "  SELECT lower(key.\"table\"), lower(t.name) FROM sqlite_schema AS t,"
                           "  pragma_foreign_key_list(t.name) AS key WHERE t.type = 'table' AND"
                           "  (key.on_delete NOT IN ('NO ACTION', 'RESTRICT') OR"
                           "   key.on_update NOT IN ('NO ACTION', 'RESTRICT'))), "
                           "reached(root, name) AS (SELECT parent, child FROM action UNION"
                           "  SELECT root, child FROM reached JOIN action ON parent = name) "
                           "SELECT DISTINCT root FROM reached WHERE name = root OR name IN ("
                           "  SELECT lower(tbl_name) FROM sqlite_schema WHERE type = 'trigger' AND"
                           "  substr(name, 1, 15) <> '__harmonylite__')"));
  std::set<std::string> out;
  HL_TRY(list->ForEachRow([&](const Statement& row) { out.emplace(row.Text(0)); }));
  return out;
}

}  // namespace harmonylite::schema
