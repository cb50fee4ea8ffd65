// Turns a copy of a node's database into a snapshot: every change is folded, and nothing of the
// node's own identity is left (docs/formats/snapshot.md).
//
// Threads: those of the connection.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "schema/schema.h"
#include "snapshot/manifest.h"
#include "sqlite/connection.h"

namespace harmonylite::snapshot {

// True: this table of the application and all its rows are kept out of snapshots.
using LeavesOut = std::function<bool(const std::string& table, bool is_virtual)>;

// Strips `copy`, the copy of a database that a node is attached to, which no other connection has
// open. Fills maker, schema, cursor, log_created, progress and collected of `manifest`. Afterwards
//   - the journal has one entry, a tick with the newest stamp, there are no conflicts, and
//     `state.self` is nobody;
//   - the maker is in `progress` like any other origin;
//   - the tables that are left out are gone, also from the free pages. A table that a remaining
//     trigger, view or table refers to is left, without rows, because their statements would fail.
// kRetryLater: a table has no triggers yet. kInvalidArgument: no node is attached to the database,
// its hidden tables have another format, or none of its tables is replicated.
Status StripCopy(sqlite::Connection* copy, const schema::LoadOptions& tables,
                 const LeavesOut& leaves_out, Manifest* manifest);

}  // namespace harmonylite::snapshot
