#include "sqlite/no_journal.h"

#include <sqlite3.h>

namespace harmonylite::sqlite {

// A defensive connection keeps its journal: without one, an error can damage the file.
Status UseNoJournal(Connection* db) {
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  Status off = db->Exec("PRAGMA journal_mode = OFF");
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return off;
}

}  // namespace harmonylite::sqlite
