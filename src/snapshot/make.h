// Makes a snapshot of a node's database, and opens one that was fetched.
//
// Threads: any one at a time; the functions open connections of their own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/spool.h"
#include "snapshot/activity.h"
#include "snapshot/copy.h"
#include "snapshot/manifest.h"
#include "snapshot/pack.h"
#include "snapshot/private_database.h"
#include "snapshot/strip.h"

namespace harmonylite::snapshot {

struct Options {
  std::string db_path;
  std::string vfs;  // SQLite's; empty for the default
  // For what is packed; what is not packed of copies of the database always lies beside db_path.
  std::string spool_directory;
  schema::LoadOptions tables;  // that are replicated
  LeavesOut leaves_out;
};

// A snapshot that is not packed yet: sizes and checksums of its manifest are filled in when it is (pack.h).
struct Made {
  Manifest manifest;
  Copy copy;
  std::string spool_directory;  // as of Options
};

// The database as it is at one instant. Takes no lock that a writer waits for; while it copies, the WAL cannot be
// reset, and grows by what is written meanwhile. Needs disk for what is packed, and beside the database for what
// is not (copy.h); nothing is left of either once what is returned is gone.
// kRetryLater: the disk is full, the database is locked exclusively, a table waits for its triggers, cancelled.
// kInvalidArgument: it cannot be copied or is not attached; the message says why.
Result<Made> Make(const Options& options, const Clock& clock, Activity* activity);

// Fills the empty file of a private database with an object's content.
using Fill = std::function<Status(Unpacker* unpacker)>;

// Lets `fill` put an object into a private database beside `options.db_path`, checks sizes and checksums, then looks
// at it whole: integrity_check, hidden tables of a format that this build knows, and the progress that the manifest
// speaks of. Nothing else is touched. The database may be read like a node's: capture::BatchReader works on it.
// kCorruption: it is not what its maker packed. kRetryLater: cancelled, or the disk is full. And errors of `fill`.
Result<PrivateDatabase> OpenFilled(const Options& options, const Manifest& manifest, const Fill& fill,
                                   Activity* activity);

// The same of an object that lies here.
Result<PrivateDatabase> OpenPacked(const Options& options, const Spool& packed,
                                   const Manifest& manifest, Activity* activity);

}  // namespace harmonylite::snapshot
