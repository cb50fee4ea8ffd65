// Private to src/sqlite: what SQLite's result codes mean as errors.
//
// Threads: as the connection whose error is read.
#pragma once

#include <string_view>

#include "base/result.h"

struct sqlite3;

namespace harmonylite::sqlite {

// What the caller should do about a result code of SQLite that is not a success.
ErrorCode CodeOf(int rc);

// Returns the newest error of `db`, with `what` in front; it is passing() if another connection's
// lock was in the way. A null `db` could not be allocated.
Error ErrorOf(sqlite3* db, std::string_view what);

// Returns the error for a value that could not be read, and clears the mark that said so.
Error TakeUnread(bool* unread);

}  // namespace harmonylite::sqlite
