// Hides rows whose parent is absent and brings them back when it appears. merge::Root decides; this
// carries it out on the tables (docs/convergence.md, "Foreign keys"). Used only where `[conflicts]
// foreign_keys` is "hide".
//
// The input is the list of touched rows (ledger/references.h), which is empty afterwards. Threads:
// the rule of the connection; runs inside the caller's write transaction, in which everything is
// folded.
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

// The tools with which an Applier works on one table.
struct TableTools {
  const ledger::TrackedTable* tracked;
  TableWriter* writer;
  ledger::ShadowTable* shadows;  // Null if the table has no shadow table.
};
// Finds the tools of a table by its TrackedTable id.
using ToolsOf = std::function<Result<TableTools>(int64_t)>;

// Makes hidden orphans pending if they hold a unique value of a row that was touched since `*seen`,
// an id in `touched` that starts at 0 and is moved forward. Returns whether any was made pending.
// Call it before UNIQUE is settled, and settle and call it again until it returns false.
Result<bool> WakeHolders(sqlite::Connection* db, const ToolsOf& tools, int64_t* seen);

// Hides and shows rows by their references. UNIQUE must be settled in every table.
Status SettleOrphans(sqlite::Connection* db, const ledger::Catalog& catalog, const ToolsOf& tools,
                     OrphanStats* stats);

// FindOrphans lists the rows that stand in their tables and lack a parent, as rows to be touched.
// It searches through all children and only reads. It is for the first time that rows are to be
// hidden by the catalog's references.
struct FoundOrphan {
  int64_t table;
  change::Row key;
};
Result<std::vector<FoundOrphan>> FindOrphans(sqlite::Connection* db,
                                             const ledger::Catalog& catalog);

}  // namespace harmonylite::apply
