// Finds changes that no trigger saw, by the hashes in the version table, and journals them as new writes.
//
// Threads: as ledger/hidden_tables.h. Cost: one pass over the table and one over its versions.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/registry.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct AuditReport {
  int64_t journaled = 0;     // rows inserted, changed or deleted unseen
  int64_t undecidable = 0;   // a column their hash was taken over is gone: taken as unchanged
};

// Needs a write transaction in which everything is folded. A row counts as unchanged if its hash is right
// for any list of columns the table ever had; a row without a version counts as new, except where rows
// from before HarmonyLite may be.
Result<AuditReport> AuditTable(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                               const ledger::RegisteredTable& registered, const Clock& clock);

// Journals once more every key with an entry that is not folded yet. Such a row has no hash of what the
// trigger saw, so whether it changed again while the table had no triggers cannot be told: it counts as
// written now. Needs a write transaction, before it folds.
Status JournalUnfolded(sqlite::Connection* db, const ledger::TrackedTable& tracked, Lseq folded_to,
                       const Clock& clock);

}  // namespace harmonylite::capture
