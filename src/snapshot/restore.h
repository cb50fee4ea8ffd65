// Makes a fetched snapshot the application's database, for a bootstrap. The file belongs to no node
// until a node attaches to it.
//
// Threads: any thread, one call at a time.
#pragma once

#include <string>

#include "base/result.h"
#include "snapshot/activity.h"
#include "snapshot/private_database.h"

namespace harmonylite::snapshot {

// True: the file is absent, or has no table, view or trigger of an application and never had one
// that was replicated. kCorruption: the file is no database. kRetryLater: it is locked.
Result<bool> CanBecomeReplica(const std::string& path, const std::string& vfs = {});

// Copies `from` into the file at `path`, for which CanBecomeReplica must hold, in one transaction:
// a process that is killed leaves the file empty or complete. An application may have the file
// open; if the file has no pages, readers wait meanwhile. `from` may be changed and is of no use
// afterwards.
//
// kConflict: the file is not empty, or not any more. kRetryLater: another process holds the file or
// has just begun to write to it, its disk is full, or the call was cancelled.
Status Restore(PrivateDatabase* from, const std::string& path, const std::string& vfs,
               Activity* activity);

}  // namespace harmonylite::snapshot
