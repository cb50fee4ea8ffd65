// Rewrites a database without its free pages.
//
// SQLite attaches a file for that, which connections are otherwise not allowed to do (see
// Connection::Open).
// Threads: the rule of the connection.
#pragma once

#include <string>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::sqlite {

Status Vacuum(Connection* db);

// Writes the copy to `path`, where no file, or an empty one, may be.
Status VacuumInto(Connection* db, const std::string& path);

}  // namespace harmonylite::sqlite
