// Private to src/sqlite: goes on with a schema of which SQLite cannot read a part.
//
// SQLite parses all texts of sqlite_schema when it loads a schema, and refuses all of it if it does
// not understand one: a table with more columns than it was compiled for, or syntax of a later
// version. The application's SQLite may understand it. Such tables, views and triggers are then
// left out, as if they were not there. A schema with an index that cannot be read is refused:
// writing to its table would leave the index behind.
//
// Threads: the rule of the connection.
#pragma once

#include <vector>

#include "sqlite/unreadable_object.h"

struct sqlite3;
struct sqlite3_stmt;

namespace harmonylite::sqlite {

// If the error `rc` of a call says that SQLite has refused the schema, tries to load it without the
// objects that SQLite cannot read; sets `*partial` to true if that succeeds. Returns true if the
// call must be repeated, which then succeeds, or fails as before.
bool LoadReadable(sqlite3* db, int rc, bool* partial);

// As sqlite3_step, and uses LoadReadable where that fails.
int StepOrLoad(sqlite3_stmt* statement, bool* partial);

// Lists the objects that are missing in the loaded schema. Returns a result code of SQLite. It is
// SQLITE_ABORT if an object is missing although SQLite can read it, because loading was disturbed.
int ListUnreadable(sqlite3* db, std::vector<UnreadableObject>* out);

// While it lives, SQLite leaves out what it cannot read whenever it loads the schema. What it loads
// meanwhile must be checked by ListUnreadable.
class Tolerance {
 public:
  explicit Tolerance(sqlite3* db);
  Tolerance(const Tolerance&) = delete;
  Tolerance& operator=(const Tolerance&) = delete;
  ~Tolerance();

 private:
  sqlite3* db_;  // not owned
};

}  // namespace harmonylite::sqlite
