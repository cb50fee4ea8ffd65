// Tombstones: versions of deleted rows. They may be forgotten ("collected") when nobody can bring an older write
// of their row any more; what was forgotten is remembered as a progress vector. Why that is safe:
// docs/decisions/0020-forgetting-tombstones.md.
//
// Threads: as hidden_tables.h.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "change/version.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Per origin, up to which lseq tombstones may have been forgotten in this file. A file of an earlier build: none.
Result<change::ProgressVector> LoadCollected(sqlite::Connection* db, const OriginTable& origins);
// `newest`: no stamp of a tombstone that was forgotten is greater.
Status SaveCollected(sqlite::Connection* db, OriginIndex origin, Lseq to, Hlc newest);
// No forgotten tombstone of any origin has a greater stamp. 0: none is forgotten.
Result<Hlc> NewestForgotten(sqlite::Connection* db);

// Forgets up to `limit` tombstones that `stable` covers, and moves `collected` to cover them. Returns how many went.
// Costs what it removes, not what the tables hold. Needs a write transaction.
Result<int64_t> CollectTombstones(sqlite::Connection* db, const Catalog& catalog,
                                  const OriginTable& origins, const change::ProgressVector& stable,
                                  int64_t limit, change::ProgressVector* collected);
// `stable` covers at least one tombstone. Reads only; a few index lookups for each table.
Result<bool> AnyCollectable(sqlite::Connection* db, const Catalog& catalog, const OriginTable& origins,
                            const change::ProgressVector& stable);
// Costs a pass over the indexes of tombstones.
Result<int64_t> CountTombstones(sqlite::Connection* db, const Catalog& catalog);

}  // namespace harmonylite::ledger
