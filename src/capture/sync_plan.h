// What a sync of the catalog finds before it writes anything: the tables that are to be replicated,
// and which of them are in line already.
//
// Reading a large schema takes much longer than writing what has changed in it, so a plan is made
// before the write lock is taken. It holds as long as the schema keeps its version, because the
// hidden tables that it reads are written by the same connection only.
// Threads: functions with a Connection use it in the transaction that the caller has open.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "capture/installed_triggers.h"
#include "ledger/catalog.h"
#include "ledger/references.h"
#include "ledger/registry.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct PlannedTable {
  ledger::TrackedTable tracked;  // without a number if it is not settled
  bool settled = false;          // true if a sync would leave all that belongs to it as it is
};

struct SyncPlan {
  int64_t schema_version = -1;       // at which the plan was made
  std::vector<PlannedTable> tables;  // in the order of the catalog
  std::vector<schema::SkippedTable> skipped;
  std::vector<ledger::RegisteredTable> registry;  // sorted by number
  InstalledTriggers triggers;
  ledger::IndexedReferences indexed;  // of the settled tables
};

// Makes the plan of the present schema. Only reads.
Result<SyncPlan> PlanSync(sqlite::Connection* db, const schema::LoadOptions& options);

// Returns the tables that are to be replicated, and the one with the rows of the schema.
Result<schema::Schema> LoadWithObjects(sqlite::Connection* db, schema::LoadOptions options);

// Returns the table with what its number decides.
schema::Table Numbered(schema::Table table, int64_t id);

// Returns the registered table with this number, or null. `registry` is sorted by number.
const ledger::RegisteredTable* FindById(const std::vector<ledger::RegisteredTable>& registry,
                                        int64_t id);

// Returns the registered table whose AFTER INSERT trigger sits on this table, or null. This
// recognises a renamed table, because SQLite moves its triggers along.
const ledger::RegisteredTable* FindByTrigger(const std::vector<ledger::RegisteredTable>& registry,
                                             const InstalledTriggers& triggers,
                                             const schema::Table& table);

// Returns the registered table with this name and without its trigger, or null. This recognises a
// table that was dropped and made again, or rebuilt, under its old name.
const ledger::RegisteredTable* FindByName(const std::vector<ledger::RegisteredTable>& registry,
                                          const InstalledTriggers& triggers,
                                          const schema::Table& table);

// True if the table still has the row key under which it is registered. If only a column of the key
// was renamed, SQLite has renamed it in the text of the trigger, too, which is then the text that
// would be written today.
bool KeepsKey(const ledger::RegisteredTable& known, const InstalledTriggers& triggers,
              const schema::Table& table);

}  // namespace harmonylite::capture
