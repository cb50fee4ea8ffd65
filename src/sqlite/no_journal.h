// Switches a database's journal off, for files that are worthless after an error.
//
// Threads: the rule of the connection.
#pragma once

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::sqlite {

// The connection's locking mode must be EXCLUSIVE.
Status UseNoJournal(Connection* db);

}  // namespace harmonylite::sqlite
