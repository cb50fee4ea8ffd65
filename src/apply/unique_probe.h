// Finds the rows that hold the unique values of a row that is not in its table.
//
// SQLite itself says what those values are: the row is inserted inside a savepoint, its index terms
// are read back, and the savepoint is rolled back. So affinities, expressions, generated columns
// and partial indexes count exactly as SQLite counts them. Each call costs a savepoint and one
// query per UNIQUE index; it is used only where rows clash. Threads: the rule of the connection.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// Keys of the rows that clash with a row of this image, whose own key is not in the table. A key
// may be listed several times, and may contain NULL: such a row exists on this node only.
Result<std::vector<change::Row>> FindHolders(sqlite::Connection* db, const schema::Table& table,
                                             std::span<const change::ValueView> image);

// The unique values of a row of this image, one text per UNIQUE index; two rows clash in an index
// exactly if their texts are equal. An index in which the row is not, or has a NULL, gives none.
// The row may be in the table or not.
Result<std::vector<std::string>> UniqueValues(sqlite::Connection* db, const schema::Table& table,
                                              std::span<const change::ValueView> image);

}  // namespace harmonylite::apply
