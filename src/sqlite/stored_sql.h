// The texts of the schema's objects, as `sqlite_schema` has them.
//
// Threads: the rule of the connection.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::sqlite {

// Returns the text of an object of the main schema; nothing if it has none, as an index of a UNIQUE
// constraint, or if there is no such object. `type` and `name` are as in sqlite_schema.
Result<std::optional<std::string>> StoredSql(Connection* db, std::string_view type,
                                             const std::string& name);

// Puts another text in place of a table's, and makes every connection read the schema anew. The
// text must describe the rows as they are in the file. In the write transaction that the caller has
// open; if SQLite cannot read the new text, later calls fail until that is rolled back.
Status ReplaceStoredTableSql(Connection* db, const std::string& table, const std::string& sql);

// Removes a trigger's text. For triggers that DROP TRIGGER does not find, because SQLite cannot
// read them. In the write transaction that the caller has open.
Status RemoveStoredTrigger(Connection* db, const std::string& trigger);

}  // namespace harmonylite::sqlite
