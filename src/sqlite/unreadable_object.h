// An object of a schema that this program's SQLite cannot read (unreadable.h).
//
// Threads: a plain value.
#pragma once

#include <string>

namespace harmonylite::sqlite {

// What belongs to an unreadable table, such as its indexes, is no object of its own.
struct UnreadableObject {
  std::string type;  // as in sqlite_schema: table, view or trigger
  std::string name;
  std::string table;  // the table of a trigger; otherwise the name
  std::string why;    // SQLite's own words
};

}  // namespace harmonylite::sqlite
