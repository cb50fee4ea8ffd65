// Makes a snapshot of a node's database, and opens a snapshot that was fetched.
//
// Threads: any thread, one call at a time; the functions open their own connections.
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

// Where snapshots are made and opened, and what goes into them.
struct Options {
  std::string db_path;
  std::string vfs;  // name of SQLite's VFS; empty for the default one
  // Folder for packed bytes. Unpacked parts of a copy always lie beside db_path.
  std::string spool_directory;
  schema::LoadOptions tables;  // which tables are replicated
  LeavesOut leaves_out;
};

// A snapshot that is not packed yet. The sizes and checksums in its manifest are filled in when it
// is packed (pack.h).
struct Made {
  Manifest manifest;
  Copy copy;
  std::string spool_directory;  // see Options
};

// Copies the database as it is at one instant.
//
// The copy is read in one read transaction, so no writer waits (P8). While it lasts, the WAL cannot
// be reset and grows by what is written meanwhile. The packed bytes need room in the spool
// directory, the others beside the database (copy.h); nothing of either is left once the returned
// value is destroyed.
//
// kRetryLater: the disk is full, the database is locked exclusively, a table has no triggers yet,
// or the call was cancelled. kInvalidArgument: the database cannot be copied or is not attached;
// the message says why.
Result<Made> Make(const Options& options, const Clock& clock, Activity* activity);

// A function that writes an object's content into the empty file of a private database.
using Fill = std::function<Status(Unpacker* unpacker)>;

// Lets `fill` put an object into a private database beside `options.db_path` and checks it: sizes
// and checksums, integrity_check, hidden tables of a format that this build knows, and the progress
// that the manifest names. No other file is touched. The returned database can be read like a
// node's, for example by capture::BatchReader.
//
// kCorruption: the object is not what its maker packed. kRetryLater: cancelled, or the disk is
// full. Errors of `fill` are passed on.
Result<PrivateDatabase> OpenFilled(const Options& options, const Manifest& manifest,
                                   const Fill& fill, Activity* activity);

// OpenFilled for an object that is already in a local spool.
Result<PrivateDatabase> OpenPacked(const Options& options, const Spool& packed,
                                   const Manifest& manifest, Activity* activity);

}  // namespace harmonylite::snapshot
