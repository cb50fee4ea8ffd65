// Brings the row maps (ledger/row_identity.h) in line with their tables, where triggers could not
// keep them: a table is new and has rows, or was rebuilt, or VACUUM has run.
//
// VACUUM, and a rebuild by INSERT … SELECT, number rows anew in the order of their rowids, or leave
// the rowids as they are. So the rows of the map are given the ranks of their rowids or keep those,
// and what the triggers have journaled since is done to the map once more. Whichever map then
// fits the table is right. If neither does, rows are known by their content: identities that are
// not among the new ones are journaled as deleted, and the others as written (P7).
//
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "capture/catalog_sync.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

// Follows SyncCatalog, in the same write transaction, before the journal is read: it also makes
// ordinary entries of those that name rowids. Adds to `sync->changes` what the operator should
// know, and changes the schema, and with it the version in `sync->catalog`.
Status SyncRowMaps(sqlite::Connection* db, const Clock& clock, Lseq folded_to, SyncResult* sync);

}  // namespace harmonylite::capture
