// Shows what merge::Settle decides: moves rows between a table and its shadow table.
//
// Threads: as the connection; inside the caller's write transaction, in which everything is folded.
#pragma once

#include <cstdint>

#include "apply/table_writer.h"
#include "base/result.h"
#include "ledger/hidden_tables.h"
#include "ledger/shadows.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct ShadowStats {
  int64_t hidden = 0;  // rows that lost a unique value
  int64_t shown = 0;   // rows that came (back) to their table
};

// Looks at every pending row of one table; afterwards none is pending, except where a row that only this
// node has (NULL in its key) is in the way.
Status SettleTable(sqlite::Connection* db, TableWriter* writer, ledger::ShadowTable* shadows,
                   const ledger::OriginTable& origins, const ledger::TrackedTable& tracked,
                   ShadowStats* stats);

}  // namespace harmonylite::apply
