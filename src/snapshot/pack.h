// A database file to an object and back: zstd, with a checksum of both.
//
// Memory: some megabytes. Threads: one owner at a time.
#pragma once

#include "base/result.h"
#include "base/spool.h"
#include "snapshot/activity.h"
#include "snapshot/manifest.h"
#include "sqlite/connection.h"

namespace harmonylite::snapshot {

// Appends the packed file to `out`, which is empty, and fills size, packed, sha256 and hash of `manifest`.
// kRetryLater: cancelled, or `out`'s disk is full.
Status Pack(sqlite::Connection* db, Activity* activity, Spool* out, Manifest* manifest);

// Whether `packed` is the object that the manifest speaks of. kCorruption: it is not.
Status CheckObject(const Spool& packed, const Manifest& manifest, Activity* activity);

// Writes what `packed` holds into the empty file of `db`. Never writes more than manifest.size bytes.
// kCorruption: it is not the database that the manifest speaks of. kRetryLater: cancelled, or the disk is full.
Status Unpack(const Spool& packed, const Manifest& manifest, Activity* activity,
              sqlite::Connection* db);

}  // namespace harmonylite::snapshot
