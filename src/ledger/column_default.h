// The value that SQLite shows in a column for rows from before the column.
//
// Threads: the rule of the connection.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// True if the text of a default means the same whenever and wherever it is computed.
bool IsConstantDefault(std::string_view text);

// The constant defaults of the columns that may not be NULL, by position in the table's columns.
using NotNullDefaults = std::vector<std::pair<size_t, change::Value>>;
Result<NotNullDefaults> LoadNotNullDefaults(sqlite::Connection* db, const schema::Table& table);

// Returns the value of a literal of SQL as such a column stores it. kInvalidArgument: it is no
// expression that can be computed here.
Result<change::Value> ValueOfLiteral(sqlite::Connection* db, const schema::Table& table,
                                     const std::string& column, const std::string& literal);

}  // namespace harmonylite::ledger
