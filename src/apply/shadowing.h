// Moves rows between a table and its shadow table, as merge::Settle decides (docs/convergence.md,
// "UNIQUE"). A row that loses a unique value is kept with its image (P7).
//
// Threads: the rule of the connection; runs inside the caller's write transaction, in which
// everything is folded.
#pragma once

#include <cstdint>

#include "apply/table_writer.h"
#include "base/result.h"
#include "ledger/hidden_tables.h"
#include "ledger/shadows.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct ShadowStats {
  int64_t hidden = 0;  // Rows that lost a unique value and left their table.
  int64_t shown = 0;   // Rows that were put into their table.
};

// Decides every pending row of one table. Afterwards none is pending, except rows in whose way
// stands a row that only this node has (NULL in its key).
Status SettleTable(sqlite::Connection* db, TableWriter* writer, ledger::ShadowTable* shadows,
                   const ledger::OriginTable& origins, const ledger::TrackedTable& tracked,
                   ShadowStats* stats);

}  // namespace harmonylite::apply
