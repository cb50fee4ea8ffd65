// Tombstones: the versions of deleted rows, and forgetting them.
//
// A tombstone keeps a deleted row from coming back (P5). It may be forgotten ("collected") when no
// node can bring an older write of the row any more. What was forgotten is remembered as a progress
// vector, the collected vector, in the hidden table `collected`.
// docs/decisions/0020-forgetting-tombstones.md tells why that is safe.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "change/version.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Loads the collected vector: for each origin, the lseq up to which tombstones may have been
// forgotten in this file. It is empty in a file of an earlier build.
Result<change::ProgressVector> LoadCollected(sqlite::Connection* db, const OriginTable& origins);
// Moves an origin's entry of the collected vector forward to `to`. `newest` is at least the
// greatest stamp among the forgotten tombstones. Needs a write transaction.
Status SaveCollected(sqlite::Connection* db, OriginIndex origin, Lseq to, Hlc newest);
// Returns a stamp that no forgotten tombstone exceeds; 0 if none was forgotten.
Result<Hlc> NewestForgotten(sqlite::Connection* db);

// Forgets up to `limit` tombstones that `stable` covers, the oldest of an origin first, and moves
// `collected` and the file's collected vector forward to cover them. Returns how many it forgot.
// The cost grows with what is removed, not with what the tables hold. Needs a write transaction.
Result<int64_t> CollectTombstones(sqlite::Connection* db, const Catalog& catalog,
                                  const OriginTable& origins, const change::ProgressVector& stable,
                                  int64_t limit, change::ProgressVector* collected);
// Returns whether `stable` covers any tombstone. Only reads, with a few index lookups for each
// table.
Result<bool> AnyCollectable(sqlite::Connection* db, const Catalog& catalog,
                            const OriginTable& origins, const change::ProgressVector& stable);
// Returns whether there is a tombstone of `origin`. Only reads, with one index lookup for each
// table.
Result<bool> HasTombstones(sqlite::Connection* db, const Catalog& catalog,
                           const OriginTable& origins, const Origin& origin);
// Returns the number of tombstones. This takes a pass over the indexes of tombstones.
Result<int64_t> CountTombstones(sqlite::Connection* db, const Catalog& catalog);

}  // namespace harmonylite::ledger
