// Finds what generated columns are computed from.
//
// SQLite computes NEW.g of a generated column g, in a BEFORE UPDATE trigger, from the columns that
// the statement sets and the trigger names; it takes all others for NULL (update.c, the use of
// sqlite3TriggerColmask). A trigger that reads NEW.g must therefore name the columns behind g.
// Threads: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::schema {

// Returns those of `columns` that the definitions of generated columns may read. `create_sql` is
// the table's text in sqlite_schema; `columns` are its columns that are not generated. Columns that
// only a table constraint names are returned, too. SQLite drops none of either kind (ALTER TABLE …
// DROP COLUMN), so that a trigger may name them.
std::vector<std::string> ColumnsBehindGenerated(std::string_view create_sql,
                                                std::span<const std::string> columns);

}  // namespace harmonylite::schema
