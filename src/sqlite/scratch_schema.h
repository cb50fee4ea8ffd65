// Changes the text of a table's definition as SQLite changes it, in a database in memory that holds
// nothing else.
//
// Threads: any.
#pragma once

#include <string>

#include "base/result.h"

namespace harmonylite::sqlite {

// Returns the text of a table after one of its columns was renamed, also where its constraints name
// it. kInvalidArgument: SQLite cannot make the table without what the application has.
Result<std::string> RenameColumnIn(const std::string& create_sql, const std::string& table,
                                   const std::string& from, const std::string& to);
// Returns the text of a table after one of its columns was dropped. kInvalidArgument: SQLite
// refuses that, because something else of the table needs the column.
Result<std::string> DropColumnIn(const std::string& create_sql, const std::string& table,
                                 const std::string& column);
// Returns the text of a table after it was renamed.
Result<std::string> RenameTableIn(const std::string& create_sql, const std::string& table,
                                  const std::string& to);

}  // namespace harmonylite::sqlite
