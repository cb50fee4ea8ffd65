// The database file that a command works on beside the node.
//
// Threads: any.
#pragma once

#include <string>

#include "base/result.h"
#include "config/config.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

// Sets `database` to db_path of the configuration unless a word of the command line has set it.
// kInvalidArgument: neither is there.
Status ChooseDatabase(const config::Config* config, std::string* database);

// Opens a file that a node was started on, to read and write; waits for the locks of others.
// kInvalidArgument: no node was started on it yet, so it has no hidden tables.
Result<sqlite::Connection> OpenAttached(const std::string& db_path);

}  // namespace harmonylite::cli
