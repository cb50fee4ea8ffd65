// Hides rows whose parent is not there, and brings them back: what merge::Root decides, on the tables.
//
// Works on the list of touched rows (ledger/references.h), which is empty afterwards.
// Threads: as the connection; inside the caller's write transaction, in which everything is folded.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "apply/table_writer.h"
#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "ledger/shadows.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct OrphanStats {
  int64_t hidden = 0;
  int64_t shown = 0;
};

// What an Applier keeps of one table.
struct TableTools {
  const ledger::TrackedTable* tracked;
  TableWriter* writer;
  ledger::ShadowTable* shadows;  // null where the table has none
};
// By TrackedTable id.
using ToolsOf = std::function<Result<TableTools>(int64_t)>;

// Before UNIQUE is settled, and again until it returns false: hidden rows that hold a unique value of a row
// touched since `*seen` (an id in `touched`, at first 0) become pending. Moves `*seen`.
Result<bool> WakeHolders(sqlite::Connection* db, const ToolsOf& tools, int64_t* seen);

// When UNIQUE is settled in every table.
Status SettleOrphans(sqlite::Connection* db, const ledger::Catalog& catalog, const ToolsOf& tools,
                     OrphanStats* stats);

// Rows of their tables that name no parent, as rows to touch: by a search through all children, which only
// reads. For the first time that rows are hidden by these references.
struct FoundOrphan {
  int64_t table;
  change::Row key;
};
Result<std::vector<FoundOrphan>> FindOrphans(sqlite::Connection* db, const ledger::Catalog& catalog);

}  // namespace harmonylite::apply
