#include "ledger/registry.h"

#include <fmt/format.h>

#include <charconv>
#include <set>
#include <utility>

#include "ledger/hidden_tables.h"
#include "ledger/row_identity.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"
#include "sqlite/unreadable.h"

namespace harmonylite::ledger {

namespace {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

void AppendName(std::string* out, std::string_view name) {
  *out += fmt::format("{}:{}", name.size(), name);
}

// Writes the names of each shape as EncodeKey does, and a ';' behind each shape.
std::string EncodeShapes(const std::vector<ColumnNames>& shapes) {
  std::string out;
  for (const ColumnNames& shape : shapes) {
    for (const std::string& name : shape) AppendName(&out, name);
    out += ';';
  }
  return out;
}

Result<std::vector<ColumnNames>> DecodeShapes(std::string_view text) {
  std::vector<ColumnNames> out(1);
  while (!text.empty()) {
    if (text[0] == ';') {
      out.emplace_back();
      text.remove_prefix(1);
      continue;
    }
    size_t length = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
    const auto digits = static_cast<size_t>(end - text.data());
    if (error != std::errc() || digits >= text.size() || text[digits] != ':' ||
        length > text.size() - digits - 1)
      return MakeError(ErrorCode::kCorruption, "__harmonylite__tables has unreadable shapes");
    out.back().emplace_back(text.substr(digits + 1, length));
    text.remove_prefix(digits + 1 + length);
  }
  out.pop_back();
  return out;
}

// Adds the columns k1, k2, … that the journal lacks for keys of this many columns.
Status WidenJournal(Connection* db, size_t key_columns) {
  HL_ASSIGN(const int64_t columns,
            db->QueryInt("SELECT count(*) FROM pragma_table_info('__harmonylite__journal') "
                         "WHERE name GLOB 'k[0-9]*'"));
  for (int64_t i = columns + 1; i <= static_cast<int64_t>(key_columns); ++i)
    HL_TRY(sqlite::AlterTable(db,
                              fmt::format("ALTER TABLE __harmonylite__journal ADD COLUMN k{}", i)));
  return Ok();
}

// Removes the hidden tables and triggers of a number.
Status DropHidden(Connection* db, int64_t id) {
  HL_TRY(DropTriggers(db, id));
  HL_TRY(db->Exec("DROP TABLE IF EXISTS " + Quote(VersionTableName(id))));
  HL_TRY(db->Exec("DROP TABLE IF EXISTS " + Quote(ShadowTableName(id))));
  return db->Exec("DROP TABLE IF EXISTS " + Quote(RowMapName(id)));
}

}  // namespace

std::string EncodeKey(const schema::Table& table) {
  std::string out;
  for (const schema::KeyColumn& key : table.key) {
    AppendName(&out, sqlite::FoldCase(key.name));
    AppendName(&out, sqlite::FoldCase(key.collation));
  }
  // The version table of an integer key holds integers only, so such a key differs from any other.
  if (table.integer_key) AppendName(&out, "rowid");
  return out;
}

Result<std::vector<RegisteredTable>> LoadRegistry(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT id, name, key, shapes, had_rows "
                                         "FROM __harmonylite__tables ORDER BY id"));
  std::vector<RegisteredTable> out;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    RegisteredTable table;
    table.id = list->Int(0);
    table.name = list->Text(1);
    table.key = list->Text(2);
    HL_ASSIGN(table.shapes, DecodeShapes(list->Text(3)));
    table.had_rows = list->Int(4) != 0;
    out.push_back(std::move(table));
  }
}

Result<schema::LoadOptions> OptionsAsRegistered(Connection* db) {
  schema::Table rowid;
  rowid.key = {{"_rowid_", "BINARY", false}};
  rowid.integer_key = true;
  const std::string key = EncodeKey(rowid);
  std::set<std::string> by_rowid;
  HL_ASSIGN(const std::vector<RegisteredTable> registry, LoadRegistry(db));
  for (const RegisteredTable& table : registry)
    if (table.key == key) by_rowid.insert(sqlite::FoldCase(table.name));
  schema::LoadOptions out;
  out.allow_without_key = [by_rowid = std::move(by_rowid)](const std::string& table) {
    return by_rowid.contains(sqlite::FoldCase(table));
  };
  return out;
}

Status SaveRegistered(Connection* db, const RegisteredTable& table) {
  HL_ASSIGN(Statement put, db->Prepare("INSERT OR REPLACE INTO __harmonylite__tables"
                                       "(id, name, key, shapes, had_rows) VALUES(?1,?2,?3,?4,?5)"));
  const std::string shapes = EncodeShapes(table.shapes);
  put.Bind(1, table.id);
  put.Bind(2, table.name);
  put.Bind(3, table.key);
  put.Bind(4, shapes);
  put.Bind(5, int64_t{table.had_rows});
  return put.Run();
}

Status CreateVersionTable(Connection* db, int64_t id, const schema::Table& table) {
  HL_TRY(WidenJournal(db, table.key.size()));
  if (table.identity) HL_TRY(CreateRowMap(db, id));
  const std::string name = Quote(VersionTableName(id));
  // Key columns have no declared type, so they hold what the table stores, bit for bit. An affinity
  // would change text like '007', which an ANY column of a STRICT table keeps.
  constexpr const char* kColumns =
      "hlc INTEGER, n INTEGER, lseq INTEGER, gone INTEGER, hash INTEGER, "
      "born INTEGER";
  if (table.integer_key) {
    HL_TRY(db->Exec(fmt::format("CREATE TABLE {}(k1 INTEGER PRIMARY KEY, {})", name, kColumns)));
    return db->Exec(TombstoneIndexSql(id));
  }
  std::string keys;
  std::string primary;
  for (size_t i = 0; i < table.key.size(); ++i) {
    keys += fmt::format("k{} COLLATE {}, ", i + 1, Quote(table.key[i].collation));
    primary += fmt::format("{}k{}", i == 0 ? "" : ", ", i + 1);
  }
  HL_TRY(db->Exec(fmt::format("CREATE TABLE {}({}{}, PRIMARY KEY({})) WITHOUT ROWID", name, keys,
                              kColumns, primary)));
  return db->Exec(TombstoneIndexSql(id));
}

Status DropTriggers(Connection* db, int64_t id) {
  std::vector<std::string> triggers;
  {
    HL_ASSIGN(auto list, db->PrepareCached("SELECT name FROM sqlite_schema WHERE type = 'trigger' "
                                           "AND substr(name, 1, length(?1)) = ?1"));
    const std::string prefix = TriggerName(id, "");
    list->Bind(1, prefix);
    HL_TRY(list->ForEachRow([&](const Statement& row) { triggers.emplace_back(row.Text(0)); }));
  }
  for (const std::string& name : triggers) HL_TRY(sqlite::DropTrigger(db, name));
  return Ok();
}

Status DropRegistered(Connection* db, int64_t id) {
  HL_TRY(DropHidden(db, id));
  return db->Exec(fmt::format("DELETE FROM __harmonylite__tables WHERE id = {}", id));
}

Status RetireRegistered(Connection* db, int64_t id) {
  HL_TRY(DropHidden(db, id));
  return db->Exec(
      fmt::format("UPDATE __harmonylite__tables SET key = '', had_rows = 0 WHERE id = {}", id));
}

Status ReplaceRetired(Connection* db, int64_t retired, int64_t id) {
  HL_TRY(db->Exec(
      fmt::format("UPDATE __harmonylite__conflicts SET tbl = {} WHERE tbl = {}", id, retired)));
  return db->Exec(fmt::format("DELETE FROM __harmonylite__tables WHERE id = {}", retired));
}

// A tombstone counts as live then, so that the audit finds its row missing and journals the delete.
Status UnsettleUnpublished(Connection* db, int64_t id) {
  HL_ASSIGN(const State state, LoadState(db));
  const std::string versions = Quote(VersionTableName(id));
  HL_ASSIGN(const int64_t keys,
            db->QueryInt(fmt::format("SELECT count(*) FROM pragma_table_info('{}') WHERE "
                                     "name GLOB 'k[0-9]*'",
                                     VersionTableName(id))));
  std::string key;
  for (int64_t i = 1; i <= keys; ++i) key += fmt::format("{}k{}", i == 1 ? "" : ", ", i);
  HL_ASSIGN(Statement folded,
            db->Prepare(fmt::format("UPDATE {} SET hash = {}, gone = 0 WHERE n = ?1 AND lseq > ?2",
                                    versions, kUnsettledHash)));
  folded.Bind(1, state.self_index.value);
  folded.Bind(2, state.published_to.value);
  HL_TRY(folded.Run());
  HL_ASSIGN(
      Statement unfolded,
      db->Prepare(fmt::format(
          "INSERT INTO {0}({1}, hlc, n, lseq, gone, hash) SELECT {1}, hlc, ?1, id, 0, {2} FROM "
          "__harmonylite__journal WHERE tbl = ?2 AND id > ?3 AND op IN (1, 2) "
          "ON CONFLICT DO UPDATE SET hlc = excluded.hlc, n = excluded.n, "
          "lseq = excluded.lseq, gone = 0, hash = excluded.hash, born = NULL "
          "WHERE excluded.hlc > hlc",
          versions, key, kUnsettledHash)));
  unfolded.Bind(1, state.self_index.value);
  unfolded.Bind(2, id);
  unfolded.Bind(3, state.folded_to.value);
  return unfolded.Run();
}

}  // namespace harmonylite::ledger
