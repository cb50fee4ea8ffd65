// The database file that a command works on beside the node.
//
// Threads: any.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "node/replication/door_keeper.h"
#include "node/replication/short_pause.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

// Sets `database` to db_path of the configuration unless a word of the command line has set it.
// kInvalidArgument: neither is there.
Status ChooseDatabase(const config::Config* config, std::string* database);

// Opens a file to read and write; waits for the locks of others.
Result<sqlite::Connection> OpenPatiently(const std::string& db_path);

// Opens a file that a node was started on, to read and write; waits for the locks of others.
// kInvalidArgument: no node was started on it yet, so it has no hidden tables.
Result<sqlite::Connection> OpenAttached(const std::string& db_path);

// While it lives, write transactions of the connection wait for a moment in which the application
// is in none, as those of a node do (node/replication/door_keeper.h).
class BesideApplication {
 public:
  // `db` is not owned, and outlives this object.
  explicit BesideApplication(sqlite::Connection* db);
  ~BesideApplication() { db_->SetWriteLockListener(nullptr); }
  BesideApplication(const BesideApplication&) = delete;
  BesideApplication& operator=(const BesideApplication&) = delete;

 private:
  sqlite::Connection* db_;
  SystemClock clock_;
  node::ShortPause pause_;
  node::DoorKeeper door_;
};

}  // namespace harmonylite::cli
