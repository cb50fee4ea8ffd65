// Columns that came and went: which were renamed, and what the rows have in those that are new.
//
// Threads: the rule of the connection.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "schema/object_row.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct RenameEvidence {
  bool renamed = false;
  // Keys of rows of which nothing tells whether they were written before the change or after it. If
  // the guess is wrong, other nodes show a dropped column's values in them.
  std::vector<change::Row> unclear;
};

// Returns whether the rows of a table show that columns were renamed: then a row's hash is that of
// its values under the former names. If they were dropped and others added, it is not. If the rows
// tell nothing, it counts as a rename, which is more frequent, unless that `needs_proof` or there
// are many rows.
Result<RenameEvidence> WereRenamed(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                                   const schema::ColumnRenames& renames, bool needs_proof);

// Journals the rows that have something else than its default in one of these columns, which are
// new. For columns that may have been renamed: what counts as new has no value on other nodes. In
// the caller's write transaction.
Status JournalNewValues(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                        const std::vector<std::string>& columns, const Clock& clock);

// What rows have in columns that were written without them, as literals by the columns' folded
// names: the default of each that is constant.
using Initials = std::map<std::string, std::string>;
Result<Initials> InitialsOf(sqlite::Connection* db, const schema::Table& table);
// Returns the value that all rows share in a new column that may not be NULL and has no default. It
// is what the application gave the rows that were there. Nothing: there is no such value.
Result<std::optional<std::string>> SharedValueOf(sqlite::Connection* db, const schema::Table& table,
                                                 const std::string& column);

}  // namespace harmonylite::capture
