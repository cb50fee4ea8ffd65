#include "sqlite/sql_error.h"

#include <sqlite3.h>

namespace harmonylite::sqlite {

ErrorCode CodeOf(int rc) {
  switch (rc & 0xFF) {
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorruption;
    case SQLITE_SCHEMA:
      return ErrorCode::kSchemaMismatch;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
      return ErrorCode::kRetryLater;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

Error ErrorOf(sqlite3* db, std::string_view what) {
  const int rc = db == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
  Error error = MakeError(CodeOf(rc), "{}: {} (SQLite {})", what,
                          db == nullptr ? "out of memory" : sqlite3_errmsg(db), rc);
  const int kind = rc & 0xFF;
  return kind == SQLITE_BUSY || kind == SQLITE_LOCKED ? std::move(error).Passing()
                                                      : std::move(error);
}

Error TakeUnread(bool* unread) {
  *unread = false;
  return MakeError(ErrorCode::kRetryLater, "a value could not be read: out of memory");
}

}  // namespace harmonylite::sqlite
