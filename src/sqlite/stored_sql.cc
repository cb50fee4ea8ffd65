#include "sqlite/stored_sql.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <vector>

namespace harmonylite::sqlite {

namespace {

// Runs a statement on sqlite_schema with these parameters, and raises the number of the schema.
Status Change(Connection* db, const char* sql, const std::vector<std::string>& parameters) {
  HL_TRY(db->Exec("PRAGMA writable_schema = ON"));
  HL_ASSIGN(Statement change, db->Prepare(sql));
  int index = 1;
  for (const std::string& parameter : parameters) change.Bind(index++, parameter);
  HL_TRY(change.Run());
  HL_ASSIGN(const int64_t version, db->QueryInt("PRAGMA schema_version"));
  return db->Exec(fmt::format("PRAGMA schema_version = {}", version + 1));
}

// In its defensive mode SQLite writes neither to sqlite_schema nor to the number of the schema.
Status ChangeUndefended(Connection* db, const char* sql,
                        const std::vector<std::string>& parameters) {
  db->ClearCache();
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  Status changed = Change(db, sql, parameters);
  // RESET also makes this connection read the schema anew.
  Status closed = db->Exec("PRAGMA writable_schema = RESET");
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  HL_TRY(std::move(changed));
  return closed;
}

}  // namespace

Result<std::optional<std::string>> StoredSql(Connection* db, std::string_view type,
                                             const std::string& name) {
  HL_ASSIGN(auto find,
            db->PrepareCached("SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2"));
  find->Bind(1, type);
  find->Bind(2, name);
  HL_ASSIGN(const bool row, find->Step());
  if (!row || find->IsNull(0)) return std::optional<std::string>();
  return std::optional<std::string>(find->Text(0));
}

Status ReplaceStoredTableSql(Connection* db, const std::string& table, const std::string& sql) {
  return ChangeUndefended(
      db, "UPDATE sqlite_schema SET sql = ?2 WHERE type = 'table' AND name = ?1", {table, sql});
}

Status RemoveStoredTrigger(Connection* db, const std::string& trigger) {
  return ChangeUndefended(db, "DELETE FROM sqlite_schema WHERE type = 'trigger' AND name = ?1",
                          {trigger});
}

}  // namespace harmonylite::sqlite
