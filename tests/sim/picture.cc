#include "sim/picture.h"

#include <fmt/format.h>

#include <algorithm>

namespace harmonylite::sim {

using sqlite::Connection;
using sqlite::Statement;

namespace {

using Origins = std::map<int64_t, Origin>;

Origin MakeOrigin(int64_t node, int64_t incarnation) {
  return {NodeId(static_cast<uint64_t>(node)), Incarnation(static_cast<uint32_t>(incarnation))};
}

Result<int64_t> StateNumber(Connection* db, const char* key) {
  return db->QueryInt(fmt::format(
      "SELECT coalesce((SELECT value FROM __harmonylite__state WHERE key = '{}'), 0)", key));
}

Status ReadBookkeeping(Connection* db, Picture* out, Origins* origins) {
  HL_ASSIGN(auto nodes, db->PrepareCached("SELECT n, node, incarnation FROM __harmonylite__nodes"));
  while (true) {
    HL_ASSIGN(const bool row, nodes->Step());
    if (!row) break;
    (*origins)[nodes->Int(0)] = MakeOrigin(nodes->Int(1), nodes->Int(2));
  }
  HL_ASSIGN(const int64_t self, StateNumber(db, "self"));
  out->self = origins->at(self);
  HL_ASSIGN(out->published_to, StateNumber(db, "published_to"));
  HL_ASSIGN(out->folded_to, StateNumber(db, "folded_to"));
  HL_ASSIGN(out->incarnation_base, StateNumber(db, "incarnation_base"));
  HL_ASSIGN(out->newest_entry,
            db->QueryInt("SELECT coalesce(max(id), 0) FROM __harmonylite__journal"));
  HL_ASSIGN(const int64_t change,
            db->QueryInt("SELECT coalesce(max(id), 0) FROM __harmonylite__journal WHERE op <> 0"));
  out->last_change = std::max(change, out->published_to);
  HL_ASSIGN(auto progress, db->PrepareCached("SELECT n, lseq FROM __harmonylite__progress"));
  while (true) {
    HL_ASSIGN(const bool row, progress->Step());
    if (!row) break;
    out->progress.Advance(origins->at(progress->Int(0)), Lseq(progress->Int(1)));
  }
  out->vector = out->progress;
  if (out->last_change > out->incarnation_base) out->vector.Advance(out->self, Lseq(out->last_change));
  return Ok();
}

Status ReadShadowed(Connection* db, const AppTable& table, Picture* out) {
  ByKey<Image>& shadowed = out->shadowed[table.name];
  if (!table.unique) return Ok();
  HL_ASSIGN(const int64_t id,
            db->QueryInt(fmt::format("SELECT id FROM __harmonylite__tables WHERE name = '{}'",
                                     table.name)));
  HL_ASSIGN(auto list, db->PrepareCached(fmt::format("SELECT {}, b1 IS NULL FROM __harmonylite__s{} s",
                                                     KeySql(table, "s", true), id)));
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return Ok();
    shadowed[std::string(list->Text(0))];
    if (list->Int(1) != 0) out->settled = false;
  }
}

Status ReadVersions(Connection* db, const AppTable& table, const Origins& origins, Picture* out) {
  HL_ASSIGN(const int64_t id,
            db->QueryInt(fmt::format("SELECT id FROM __harmonylite__tables WHERE name = '{}'",
                                     table.name)));
  ByKey<RowVersion>& versions = out->versions[table.name];
  HL_ASSIGN(auto list,
            db->PrepareCached(fmt::format("SELECT {}, hlc, n, lseq, gone FROM __harmonylite__v{} v",
                                    KeySql(table, "v", true), id)));
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) break;
    versions[std::string(list->Text(0))] = {list->Int(1), origins.at(list->Int(2)), list->Int(3),
                                           list->Int(4) != 0};
  }
  HL_ASSIGN(auto journal,
            db->PrepareCached(fmt::format("SELECT {}, hlc, id, op FROM __harmonylite__journal j "
                                          "WHERE id > ?1 AND tbl = ?2 AND op <> 0 ORDER BY id",
                                          KeySql(table, "j", true))));
  journal->Bind(1, out->folded_to);
  journal->Bind(2, id);
  while (true) {
    HL_ASSIGN(const bool row, journal->Step());
    if (!row) return Ok();
    const std::string key(journal->Text(0));
    out->settled = false;
    if (journal->Int(3) == 2 && out->rows[table.name].contains(key)) continue;  // not displaced after all
    out->shadowed[table.name].erase(key);  // what was kept of it is out of date
    versions[key] = {journal->Int(1), out->self, journal->Int(2),
                     !out->rows[table.name].contains(key)};
  }
}

}  // namespace

std::string KeySql(const AppTable& table, const std::string& alias, bool hidden) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i) {
    const std::string column =
        alias + "." + (hidden ? fmt::format("k{}", i + 1) : table.key[i]);
    const std::string text = "quote(" + column + ")";
    out += (i == 0 ? "" : "||','||") + (table.nocase ? "lower(" + text + ")" : text);
  }
  return out;
}

Result<std::vector<std::string>> ColumnsOf(Connection* db, const std::string& table) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name FROM pragma_table_info(?1)"));
  list->Bind(1, table);
  std::vector<std::string> out;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    out.emplace_back(list->Text(0));
  }
}

Result<ByKey<Image>> ReadRows(Connection* db, const AppTable& table, const std::string* only_key) {
  HL_ASSIGN(const auto columns, ColumnsOf(db, table.name));
  std::string sql = "SELECT " + KeySql(table, "t", false);
  for (const std::string& column : columns) sql += ", quote(" + column + ")";
  sql += fmt::format(" FROM {} t", table.name);
  if (only_key != nullptr) sql += " WHERE " + KeySql(table, "t", false) + " = ?1";
  HL_ASSIGN(auto list, db->PrepareCached(sql));
  if (only_key != nullptr) list->Bind(1, *only_key);
  ByKey<Image> out;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    Image& image = out[std::string(list->Text(0))];
    for (size_t i = 0; i < columns.size(); ++i)
      image[columns[i]] = list->Text(static_cast<int>(i) + 1);
  }
}

Result<Picture> TakePicture(Connection* db) {
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kRead));
  Picture out;
  Origins origins;
  HL_TRY(ReadBookkeeping(db, &out, &origins));
  for (const AppTable& table : AppTables()) {
    HL_ASSIGN(out.rows[table.name], ReadRows(db, table));
    HL_TRY(ReadShadowed(db, table, &out));
    HL_TRY(ReadVersions(db, table, origins, &out));
  }
  return out;
}

}  // namespace harmonylite::sim
