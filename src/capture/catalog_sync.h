// Keeps the catalog in line with the schema: tables' numbers, their hidden tables and their triggers.
//
// Threads: as ledger/hidden_tables.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct CatalogChange {
  std::string table;
  std::string what;  // for the operator
};

// Reads only. Tables whose triggers are not in place yet are left out, and `complete` says so.
Result<ledger::Catalog> LoadCatalog(sqlite::Connection* db, const schema::LoadOptions& options);

// A table whose rows may have changed while it had no triggers.
struct PendingAudit {
  int64_t table_id;
};

struct SyncResult {
  ledger::Catalog catalog;
  std::vector<CatalogChange> changes;
  std::vector<PendingAudit> audits;
};

// Brings hidden tables and triggers in line with the schema: new tables get a number, triggers that are
// missing or outdated are written. `first_attach`: rows that exist are from before HarmonyLite and keep
// version zero; later a new table's rows count as new writes. Needs a write transaction; the caller folds
// the journal and then runs the audits, in the same transaction.
Result<SyncResult> SyncCatalog(sqlite::Connection* db, const schema::LoadOptions& options,
                               bool first_attach);

// The two halves of auditing, before and after the caller folds the journal: first what the fold would make
// indistinguishable, then what changed unseen.
Status PrepareAudits(sqlite::Connection* db, const Clock& clock, Lseq folded_to,
                     const SyncResult& sync);
Status RunAudits(sqlite::Connection* db, const Clock& clock, SyncResult* sync);

}  // namespace harmonylite::capture
