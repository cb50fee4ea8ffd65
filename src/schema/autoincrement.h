// Makes an INTEGER PRIMARY KEY one that SQLite counts: AUTOINCREMENT.
//
// The rows do not change, only the text of the table: SQLite then keeps a counter of the table in
// `sqlite_sequence`, and gives out no id twice. SQLite has no statement for that; its documentation
// names the way that is taken here, for changes that leave the content of a file as it is
// (lang_altertable.html, "Making Other Kinds Of Table Schema Changes").
// Threads: WithAutoincrement is a pure function; MakeAutoincrement uses its caller's connection.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::schema {

// Returns the text of a table, which is `create_sql` in sqlite_schema, with AUTOINCREMENT at its
// key. `key` is the name of its INTEGER PRIMARY KEY. Nothing: the place was not found.
std::optional<std::string> WithAutoincrement(std::string_view create_sql, std::string_view key);

// Changes a table of the file, in the write transaction that the caller has open. After an error
// the caller must roll back, and then nothing has changed. kInvalidArgument: it has no INTEGER
// PRIMARY KEY, or its text cannot be changed.
Status MakeAutoincrement(sqlite::Connection* db, const Table& table);

}  // namespace harmonylite::schema
