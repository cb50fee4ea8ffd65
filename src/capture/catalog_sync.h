// Reads the catalog from a file, and keeps the file in line with its schema: the numbers of the
// replicated tables, their hidden tables and their triggers.
//
// A node syncs when it attaches to a file, at its start, and whenever the schema has changed. Only
// the consumer's Replica does that, because it alone writes; the other workers load the catalog.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "capture/sync_plan.h"
#include "ledger/catalog.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct CatalogChange {
  std::string table;
  std::string what;  // tells the operator what has changed; the table is the subject
};

// Loads the catalog, and only reads. A table that is not registered with its present key, or has no
// trigger of ours, is left out, and Catalog::complete is false then. So it is while the row maps
// (ledger/row_identity.h) are not right, and while a table that is not to be replicated has
// triggers of ours.
Result<ledger::Catalog> LoadCatalog(sqlite::Connection* db, const schema::LoadOptions& options);

// A table whose rows may have changed without a trigger seeing it.
struct PendingAudit {
  int64_t table_id;
  bool had_no_triggers = false;  // true if it is known before, and had no trigger at all for a time
};

struct SyncResult {
  ledger::Catalog catalog;
  // Numbers of the tables without a key whose row maps the triggers did not keep (row_map_sync.h).
  std::vector<int64_t> row_maps;
  std::vector<CatalogChange> changes;
  std::vector<PendingAudit> audits;
};

// Whether rows that exist in a new table are from before HarmonyLite and stay without a version, or
// count as new writes.
enum class Rows { kFromBefore, kNew };

// Brings hidden tables and triggers in line with the schema of the plan, which must be the present
// one. New tables get a number, and triggers that are missing or outdated are written. A table that
// was replicated and is not to be any more loses its triggers; when it is back, an audit finds what
// was changed meanwhile. Tables that the plan calls settled cost nothing. Needs a write
// transaction. In the same transaction the caller syncs the row maps, prepares the audits, folds
// the journal and runs the audits.
Result<SyncResult> SyncCatalog(sqlite::Connection* db, const schema::LoadOptions& options,
                               Rows rows, SyncPlan plan);
// Does the same with a plan of its own.
Result<SyncResult> SyncCatalog(sqlite::Connection* db, const schema::LoadOptions& options,
                               bool first_attach);

// Adopts tables of the plan with a key, one after the other, and marks them as settled. `enough` is
// asked after each one; if it says so, the others are left. Returns true if none was left. Part of
// a first attach: what is registered already and is not settled is dropped and adopted anew. Needs
// a write transaction. If it or its commit fails, the plan is not to be used any more.
Result<bool> AdoptSome(sqlite::Connection* db, const schema::LoadOptions& options,
                       const std::function<bool()>& enough, SyncPlan* plan);

// Ends a first attach that took several transactions, in the last of them: all rows that exist are
// from before HarmonyLite, those that were written meanwhile included, and nothing is journaled.
// Drops what belongs to tables that are gone since. Needs a write transaction.
Status ForgetJournaled(sqlite::Connection* db, const ledger::Catalog& catalog);

// Auditing has two halves. PrepareAudits comes before the journal is folded, and journals once more
// what folding would make impossible to check. RunAudits comes after it, journals what changed
// unseen, and reports that in `sync->changes`. Both need the write transaction of the sync.
Status PrepareAudits(sqlite::Connection* db, const Clock& clock, Lseq folded_to,
                     const SyncResult& sync);
Status RunAudits(sqlite::Connection* db, const Clock& clock, SyncResult* sync);

}  // namespace harmonylite::capture
