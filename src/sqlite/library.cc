#include "sqlite/library.h"

#include <sqlite3.h>

namespace harmonylite::sqlite {

void DropMemoryStatistics() { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

std::string LibraryVersion() { return sqlite3_libversion(); }

}  // namespace harmonylite::sqlite
