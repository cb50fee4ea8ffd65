// Finds the rows that hold the unique values of a row which is not in its table.
//
// SQLite itself says what those values are: the row is inserted for a moment and its index terms are read
// back, so that affinities, expressions, generated columns and partial indexes are what they are. Costs a
// savepoint and one query per UNIQUE index; used only where rows clash.
// Threads: as the connection.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// Keys of the rows of the table, each once or more, that clash with a row of this image, whose key is not
// in the table. A row with NULL in its key, which stays local, is among them.
Result<std::vector<change::Row>> FindHolders(sqlite::Connection* db, const schema::Table& table,
                                             std::span<const change::ValueView> image);

// The values, one text per UNIQUE index, that a row of this image holds: equal texts clash, no others. NULL
// values are left out. The row need not be in the table.
Result<std::vector<std::string>> UniqueValues(sqlite::Connection* db, const schema::Table& table,
                                              std::span<const change::ValueView> image);

}  // namespace harmonylite::apply
