#include "sqlite/unreadable.h"

#include <sqlite3.h>

#include "sqlite/identifier.h"
#include "sqlite/readable_schema.h"
#include "sqlite/stored_sql.h"

namespace harmonylite::sqlite {

Result<std::vector<UnreadableObject>> FindUnreadable(Connection* db) {
  std::vector<UnreadableObject> out;
  if (!db->schema_is_partial()) return out;
  // Makes sure that the present schema is loaded, and says what is wrong with it if it cannot be.
  HL_TRY(db->QueryInt("SELECT count(*) FROM sqlite_schema"));
  const int rc = ListUnreadable(db->raw(), &out);
  if (rc == SQLITE_OK) return out;
  // What was loaded may lack more than it must.
  HL_TRY(db->Exec("PRAGMA writable_schema = RESET"));
  return MakeError(ErrorCode::kRetryLater, "the schema cannot be read at the moment (SQLite {})",
                   rc);
}

Status DropTrigger(Connection* db, const std::string& name) {
  Status dropped = db->Exec("DROP TRIGGER " + Quote(name));
  if (dropped.ok() || dropped.error().code() != ErrorCode::kInvalidArgument) return dropped;
  if (!db->schema_is_partial()) return dropped;
  return RemoveStoredTrigger(db, name);
}

Status AlterTable(Connection* db, const std::string& sql) {
  if (!db->schema_is_partial()) return db->Exec(sql);
  {
    const Tolerance tolerance(db->raw());
    HL_TRY(db->Exec(sql));
  }
  HL_ASSIGN([[maybe_unused]] const auto unreadable, FindUnreadable(db));
  return Ok();
}

}  // namespace harmonylite::sqlite
