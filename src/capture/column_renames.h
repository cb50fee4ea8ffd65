// Tells a renamed column from one that was dropped beside another that was added.
//
// Threads: the rule of the connection.
#pragma once

#include "base/result.h"
#include "ledger/catalog.h"
#include "schema/object_row.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

// Returns whether the rows of a table show that columns were renamed: then a row's hash is that of
// its values under the former names. If they were dropped and others added, it is not. Rows that
// look the same either way tell nothing, and it makes no difference for them.
Result<bool> WereRenamed(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                         const schema::ColumnRenames& renames);

}  // namespace harmonylite::capture
