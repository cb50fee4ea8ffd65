// Turns a copy of a node's database into a snapshot: everything folded, nothing of the node's own life left.
//
// Threads: the connection's.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "schema/schema.h"
#include "snapshot/manifest.h"
#include "sqlite/connection.h"

namespace harmonylite::snapshot {

// True: this table of the application, with all its rows, is not to be in a snapshot.
using LeavesOut = std::function<bool(const std::string& table, bool is_virtual)>;

// `copy` is a copy of a database that a node is attached to, opened by nobody else. Fills maker, schema, cursor,
// log_created, progress and collected of `manifest`. Afterwards the file
//  - has no journal but one tick, with the newest stamp; no conflicts; `state.self` is nobody;
//  - has the maker in `progress` like any other origin;
//  - has no table that is left out, not even in its free pages. One that a trigger, view or table that stays
//    refers to is there, empty, or their statements would fail.
// kRetryLater: a table waits for its triggers. kInvalidArgument: nobody is attached, or another format.
Status StripCopy(sqlite::Connection* copy, const schema::LoadOptions& tables,
                 const LeavesOut& leaves_out, Manifest* manifest);

}  // namespace harmonylite::snapshot
