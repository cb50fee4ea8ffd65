// Looks at the structure of a database that a snapshot is made of, or comes as.
//
// Threads: those of the connection.
#pragma once

#include <string>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::snapshot {

// Returns what PRAGMA integrity_check finds first, and an empty text if it finds nothing.
//
// SQLite cannot look at an index if only the application has a function or collation that the index
// needs, nor at a table that it cannot read. Then every table is looked at by itself, and such
// tables are passed over: no row of them is read or written here.
Result<std::string> FindDamage(sqlite::Connection* db);

// Overwrites all free pages with zeros. `db` is private and has secure_delete on (MakePrivate).
Status ClearFreePages(sqlite::Connection* db);

}  // namespace harmonylite::snapshot
