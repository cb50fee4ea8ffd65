// The value that SQLite shows in a column for rows from before the column.
//
// Threads: the rule of the connection.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "change/value.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Returns what SQLite shows in a column that was added to an existing row: the column's default,
// converted by the column's affinity. NULL stands for a default that only the application can
// compute.
Result<change::Value> DefaultOf(sqlite::Connection* db, const schema::Table& table,
                                const std::string& column);

// The same, if the default is the same whenever and wherever it is computed; otherwise nothing.
Result<std::optional<change::Value>> ConstantDefaultOf(sqlite::Connection* db,
                                                       const schema::Table& table,
                                                       const std::string& column);

}  // namespace harmonylite::ledger
