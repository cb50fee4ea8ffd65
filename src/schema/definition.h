// What a table's definition says beside the names of its columns and its key: types, NOT NULL,
// defaults, collations, generated columns, CHECKs, UNIQUE indexes, foreign keys, STRICT and the
// like.
//
// Rows are applied whatever the definitions say, as long as columns and key are the same
// (schema::Difference). But where definitions differ, an application finds other rules on another
// node, and a value may be stored in another way.
// Threads: the rule of the connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::schema {

// Returns a number that is the same for the same definition, however it is spelled and in whatever
// order it names columns and constraints. Triggers, views and indexes that are not UNIQUE do not
// count. `table` was loaded in the caller's transaction; `create_sql` is its text in sqlite_schema.
Result<uint64_t> DefinitionOf(sqlite::Connection* db, const Table& table,
                              std::string_view create_sql);

// Returns SQL in one spelling: without comments, one space between tokens, words and names in lower
// case and names without quotes.
std::string InOneSpelling(std::string_view sql);

}  // namespace harmonylite::schema
