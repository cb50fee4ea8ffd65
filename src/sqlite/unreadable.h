// What of a schema this program's SQLite cannot read, although the application's can. It is left
// out and named; the rest of the database is used as always.
//
// Threads: the rule of the connection.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sqlite/connection.h"
#include "sqlite/unreadable_object.h"

namespace harmonylite::sqlite {

// Lists what cannot be read. Costs nothing while nothing was met that cannot.
Result<std::vector<UnreadableObject>> FindUnreadable(Connection* db);

// Drops a trigger, also one that SQLite cannot read or whose table it cannot read.
Status DropTrigger(Connection* db, const std::string& name);

// Runs an ALTER TABLE. SQLite loads the schema anew for it.
Status AlterTable(Connection* db, const std::string& sql);

}  // namespace harmonylite::sqlite
