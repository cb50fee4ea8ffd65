// Finds changes that no trigger saw, by comparing rows with the hashes in their versions, and
// journals them as new writes, so that they are not lost (P7).
//
// A table is audited if it had no triggers, or outdated ones, for a while: it is new and has rows
// already, it was rebuilt, a trigger was dropped, or a UNIQUE index was added. Cost: one pass over
// the table and one over its versions.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/registry.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct AuditReport {
  int64_t journaled = 0;    // rows that were inserted, changed or deleted unseen
  int64_t undecidable = 0;  // rows whose hash cannot be checked; they count as unchanged
  // Rows without a version of a table that had rows before HarmonyLite; they count as unchanged.
  int64_t unversioned = 0;
};

// Audits one table. A row counts as unchanged if its hash is right for any list of columns that the
// table ever had (ledger/hash_judge.h). A row without a version counts as new, except in a table
// that may have rows from before HarmonyLite. Needs a write transaction in which everything is
// folded.
Result<AuditReport> AuditTable(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                               const ledger::RegisteredTable& registered, const Clock& clock);

// Journals once more every key of a table that has an entry after `folded_to`. Folding such an
// entry takes the hash of the row as it is by then, and nothing tells whether the row changed again
// while the table had no triggers. It therefore counts as written now. Needs a write transaction,
// before the journal is folded.
Status JournalUnfolded(sqlite::Connection* db, const ledger::TrackedTable& tracked, Lseq folded_to,
                       const Clock& clock);

}  // namespace harmonylite::capture
