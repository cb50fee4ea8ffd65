#include "ledger/schema_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "ledger/hidden_tables.h"
#include "sqlite/identifier.h"
#include "sqlite/script.h"

namespace harmonylite::ledger {

namespace {

using schema::ObjectId;
using schema::ObjectRow;
using sqlite::Connection;
using sqlite::Statement;

// The columns of an object's row, in the order of its table.
enum : int { kKind, kId, kNames, kTable, kSql, kColumns, kSeen, kObjectColumns };

Error BadKind() {
  return MakeError(ErrorCode::kCorruption, "a row of __harmonylite__schema has an unknown kind");
}

// `table_id` is bound if the statement has a parameter for it.
Status Put(Connection* db, const char* sql, const ObjectRow& row, std::optional<int64_t> table_id) {
  const std::string names = schema::EncodeNames(row.names);
  const std::string columns = schema::EncodeColumns(row.columns);
  const std::string seen = schema::EncodeSeen(row.seen);
  HL_ASSIGN(auto put, db->PrepareCached(sql));
  put->Bind(kKind + 1, schema::KindName(row.key.kind));
  put->Bind(kId + 1, row.key.id);
  put->Bind(kNames + 1, names);
  put->Bind(kTable + 1, row.table);
  put->Bind(kSql + 1, row.sql);
  put->Bind(kColumns + 1, columns);
  put->Bind(kSeen + 1, seen);
  if (table_id) put->Bind(kObjectColumns + 1, *table_id);
  return put->Run();
}

Status Remove(Connection* db, const char* sql, const ObjectId& key) {
  HL_ASSIGN(auto remove, db->PrepareCached(sql));
  remove->Bind(1, schema::KindName(key.kind));
  remove->Bind(2, key.id);
  return remove->Run();
}

std::vector<change::ValueView> ImageOf(const Statement& row) {
  std::vector<change::ValueView> out;
  for (int i = 0; i < kObjectColumns; ++i) out.push_back(row.Column(i));
  return out;
}

constexpr const char* kNumbers =
    "SELECT max(CASE key WHEN 'seen_schema_version' THEN value END), "
    "max(CASE key WHEN 'seen_user_version' THEN value END), "
    "max(CASE key WHEN 'seen_application_id' THEN value END) FROM __harmonylite__state "
    "WHERE key IN ('seen_schema_version', 'seen_user_version', 'seen_application_id')";

Status PutNumber(Connection* db, std::string_view key, int64_t value) {
  HL_ASSIGN(auto put, db->PrepareCached("INSERT INTO __harmonylite__state(key, value) VALUES(?1, "
                                        "?2) ON CONFLICT(key) DO UPDATE SET value = "
                                        "excluded.value"));
  put->Bind(1, key);
  put->Bind(2, value);
  return put->Run();
}

}  // namespace

Status AddSchemaTables(Connection* db) {
  return sqlite::RunScript(
      db,
      "CREATE TABLE IF NOT EXISTS __harmonylite__schema(kind TEXT NOT NULL, id TEXT NOT NULL,"
      "  names TEXT NOT NULL, tbl TEXT NOT NULL, sql TEXT NOT NULL, columns TEXT NOT NULL,"
      "  seen TEXT NOT NULL,"
      "  PRIMARY KEY(kind, id)) WITHOUT ROWID;"
      "CREATE TABLE IF NOT EXISTS __harmonylite__seen(kind TEXT NOT NULL, id TEXT NOT NULL,"
      "  names TEXT NOT NULL, tbl TEXT NOT NULL, sql TEXT NOT NULL, columns TEXT NOT NULL,"
      "  seen TEXT NOT NULL,"
      "  number INTEGER NOT NULL, PRIMARY KEY(kind, id)) WITHOUT ROWID;");
}

Result<bool> HasAllHiddenTables(Connection* db) {
  for (const char* name :
       {"__harmonylite__collected", "__harmonylite__members", "__harmonylite__retired",
        "__harmonylite__schema", "__harmonylite__seen"}) {
    HL_ASSIGN(const bool has, HasHiddenTable(db, name));
    if (!has) return false;
  }
  HL_ASSIGN(const int64_t tables,
            db->QueryInt("SELECT count(*) FROM __harmonylite__tables WHERE key <> ''"));
  HL_ASSIGN(const int64_t indexes,
            db->QueryInt("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name GLOB "
                         "'__harmonylite__v[0-9]*_gone'"));
  return indexes >= tables;
}

Result<ObjectRow> ObjectOf(std::span<const change::ValueView> image) {
  if (image.size() != kObjectColumns) return BadKind();
  for (const change::ValueView& value : image)
    if (value.type != change::ValueType::kText) return BadKind();
  const auto kind = schema::KindOf(image[kKind].bytes);
  if (!kind) return BadKind();
  ObjectRow out;
  out.key = {*kind, std::string(image[kId].bytes)};
  HL_ASSIGN(out.names, schema::DecodeNames(image[kNames].bytes));
  out.table = image[kTable].bytes;
  out.sql = image[kSql].bytes;
  HL_ASSIGN(out.columns, schema::DecodeColumns(image[kColumns].bytes));
  HL_ASSIGN(out.seen, schema::DecodeSeen(image[kSeen].bytes));
  return out;
}

change::Row KeyOf(const ObjectId& key) {
  change::Row out;
  out.emplace_back(change::ValueView::Text(schema::KindName(key.kind)));
  out.emplace_back(change::ValueView::Text(key.id));
  return out;
}

Result<ObjectRows> LoadObjects(Connection* db) {
  ObjectRows out;
  HL_ASSIGN(const bool has, HasHiddenTable(db, schema::kSchemaTable));
  if (!has) return out;
  HL_ASSIGN(auto list, db->PrepareCached("SELECT kind, id, names, tbl, sql, columns, seen "
                                         "FROM __harmonylite__schema"));
  HL_TRY(list->ForEachRow([&](const Statement& row) -> Status {
    HL_ASSIGN(ObjectRow object, ObjectOf(ImageOf(row)));
    const ObjectId key = object.key;
    out.emplace(key, std::move(object));
    return Ok();
  }));
  return out;
}

Status SaveObject(Connection* db, const ObjectRow& row) {
  return Put(
      db,
      "INSERT OR REPLACE INTO __harmonylite__schema(kind, id, names, tbl, sql, columns, seen) "
      "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
      row, std::nullopt);
}

Status NoteObjectWritten(Connection* db, Lseq entry) {
  return PutNumber(db, "object_written", entry.value);
}

Result<Lseq> LastObjectWritten(Connection* db) {
  HL_ASSIGN(auto read, db->PrepareCached("SELECT value FROM __harmonylite__state WHERE key = "
                                         "'object_written'"));
  HL_ASSIGN(const bool row, read->Step());
  return row ? Lseq(read->Int(0)) : Lseq(0);
}

Result<schema::HeaderNumbers> LoadSeenNumbers(Connection* db) {
  schema::HeaderNumbers out;
  HL_ASSIGN(auto read, db->PrepareCached(kNumbers));
  HL_ASSIGN(const bool row, read->Step());
  if (!row || read->IsNull(0)) return out;
  return schema::HeaderNumbers{read->Int(0), read->Int(1), read->Int(2)};
}

Result<SeenSchema> LoadSeen(Connection* db) {
  SeenSchema out;
  HL_ASSIGN(out.numbers, LoadSeenNumbers(db));
  HL_ASSIGN(auto list, db->PrepareCached("SELECT kind, id, names, tbl, sql, columns, seen, number "
                                         "FROM __harmonylite__seen"));
  HL_TRY(list->ForEachRow([&](const Statement& row) -> Status {
    SeenObject seen;
    HL_ASSIGN(seen.row, ObjectOf(ImageOf(row)));
    seen.table_id = row.Int(kObjectColumns);
    const ObjectId key = seen.row.key;
    out.objects.emplace(key, std::move(seen));
    return Ok();
  }));
  return out;
}

Status SaveSeen(Connection* db, const SeenSchema& before, const SeenSchema& now) {
  for (const auto& [key, object] : before.objects)
    if (!now.objects.contains(key))
      HL_TRY(Remove(db, "DELETE FROM __harmonylite__seen WHERE kind = ?1 AND id = ?2", key));
  for (const auto& [key, object] : now.objects) {
    const auto it = before.objects.find(key);
    if (it != before.objects.end() && it->second == object) continue;
    HL_TRY(Put(db,
               "INSERT OR REPLACE INTO __harmonylite__seen(kind, id, names, tbl, sql, columns, "
               "seen, number) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
               object.row, object.table_id));
  }
  HL_TRY(PutNumber(db, "seen_schema_version", now.numbers.version));
  HL_TRY(PutNumber(db, "seen_user_version", now.numbers.user_version));
  return PutNumber(db, "seen_application_id", now.numbers.application_id);
}

// It is the last of a catalog (schema::Load), so the search begins there.
Status NoteObjects(Connection* db, Catalog* catalog) {
  HL_ASSIGN(const bool has, HasHiddenTable(db, "__harmonylite__seen"));
  if (!has) return Ok();
  HL_ASSIGN(auto list,
            db->PrepareCached("SELECT number, id FROM __harmonylite__seen WHERE number <> 0"));
  std::map<int64_t, std::string> objects;
  HL_TRY(list->ForEachRow(
      [&](const Statement& row) { objects.emplace(row.Int(0), std::string(row.Text(1))); }));
  for (TrackedTable& tracked : catalog->tables) {
    const auto known = objects.find(tracked.id);
    if (known != objects.end()) tracked.table.object = known->second;
  }
  return Ok();
}

const TrackedTable* SchemaTable(const Catalog& catalog) {
  const auto it = std::find_if(
      catalog.tables.rbegin(), catalog.tables.rend(),
      [](const TrackedTable& tracked) { return tracked.table.name == schema::kSchemaTable; });
  return it == catalog.tables.rend() ? nullptr : &*it;
}

int64_t CountTables(const Catalog& catalog) {
  return static_cast<int64_t>(catalog.tables.size()) - (SchemaTable(catalog) != nullptr);
}

}  // namespace harmonylite::ledger
