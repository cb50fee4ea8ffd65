// A fetched snapshot becomes the application's database.
//
// Threads: any one at a time.
#pragma once

#include <string>

#include "base/result.h"
#include "snapshot/activity.h"
#include "snapshot/private_database.h"

namespace harmonylite::snapshot {

// True: the file is absent, or holds no table, view or trigger of an application, and never held one that was
// replicated. kCorruption: it is no database. kRetryLater: it is locked.
Result<bool> CanBecomeReplica(const std::string& path, const std::string& vfs = {});

// Copies `from` into the file at `path`, which CanBecomeReplica, in one transaction: a process that is killed leaves
// the file empty, or complete. An application may have it open; if it has no pages, readers are kept out meanwhile.
// The file then belongs to nobody until a node attaches to it. `from` is used up.
// kConflict: it is not empty (any more). kRetryLater: somebody holds it or has just begun it, its disk is full, cancelled.
Status Restore(PrivateDatabase* from, const std::string& path, const std::string& vfs,
               Activity* activity);

}  // namespace harmonylite::snapshot
