// Changes the text of a table's definition, or of its index, as SQLite changes it, in a database in
// memory that holds nothing else.
//
// Threads: any.
#pragma once

#include <string>

#include "base/result.h"
#include "sqlite/foreign_text.h"

namespace harmonylite::sqlite {

// Returns the text of a table as SQLite stores it. kInvalidArgument: SQLite cannot make it.
Result<std::string> TableIn(const std::string& create_sql, const std::string& table);
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
// Returns the text of an index after its table was renamed. `create_sql` is the table's text.
Result<std::string> MoveIndexIn(const std::string& create_sql, const StoredTrigger& index,
                                const std::string& to);

}  // namespace harmonylite::sqlite
