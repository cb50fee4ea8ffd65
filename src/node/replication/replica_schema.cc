// Taking over a schema that the application has changed. See replica.h.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "capture/catalog_sync.h"
#include "capture/journal.h"
#include "capture/row_map_sync.h"
#include "capture/schema_capture.h"
#include "ledger/fingerprint.h"
#include "ledger/references.h"
#include "ledger/schema_table.h"
#include "node/replication/replica.h"
#include "sqlite/transaction.h"

namespace harmonylite::node {

using ledger::State;
using sqlite::Transaction;
using sqlite::TransactionKind;

// Writes the triggers for the present schema, audits rebuilt tables, and journals what has changed
// in the schema, in one transaction.
Status Replica::SyncSchema() {
  const bool first = catalog_.schema_version < 0;
  HL_ASSIGN(auto transaction, BeginOnAnySchema(TransactionKind::kUpkeep));
  State next = state_;
  capture::SyncResult sync;
  HL_TRY(TakeSchemaOver(first, /*rebuilt=*/{}, &next, &sync));
  HL_TRY(capture::CaptureSchema(db_, options_.tables, sync.catalog, *clock_));
  HL_TRY(ledger::NoteObjects(db_, &sync.catalog));
  // Capturing a dropped table drops what belonged to it.
  HL_ASSIGN(sync.catalog.schema_version, db_->QueryInt("PRAGMA schema_version"));
  HL_TRY(Commit(&transaction, next));
  HL_TRY(UseSchema(std::move(sync), first));
  // What could not be made may have what it needs now.
  return first || !not_made_.empty() ? CatchUp() : Ok();
}

// The journal is folded by the new catalog before the audits run, so that a row which is journaled
// already is not taken for one that was written without triggers.
Status Replica::TakeSchemaOver(bool first, const std::set<int64_t>& rebuilt, State* next,
                               capture::SyncResult* sync) {
  if (first) HL_TRY(ledger::AddMembershipTables(db_));
  if (first) HL_TRY(ledger::AddSchemaTables(db_));
  HL_ASSIGN(*sync, capture::SyncCatalog(db_, options_.tables, false));
  // Tables that this transaction has made anew have lost nothing but their triggers.
  std::erase_if(sync->audits, [&](const capture::PendingAudit& audit) {
    return rebuilt.contains(audit.table_id);
  });
  HL_TRY(capture::SyncRowMaps(db_, *clock_, next->folded_to, sync));
  HL_TRY(capture::PrepareAudits(db_, *clock_, next->folded_to, *sync));
  HL_TRY(FoldAll(sync->catalog, next));
  HL_TRY(capture::RunAudits(db_, *clock_, sync));
  return MoveIds(sync->catalog, *next);
}

// Takes over the catalog that was synced. If that fails, the schema counts as changed, and the next
// step syncs it again.
Status Replica::UseSchema(capture::SyncResult sync, bool first) {
  for (const capture::CatalogChange& change : sync.changes)
    if (change.table != schema::kSchemaTable)
      logger_->Info("table {} {}", change.table, change.what);
  for (const schema::SkippedTable& skipped : sync.catalog.skipped) {
    const bool said = !first && std::any_of(catalog_.skipped.begin(), catalog_.skipped.end(),
                                            [&](const schema::SkippedTable& before) {
                                              return before.name == skipped.name &&
                                                     before.reason == skipped.reason;
                                            });
    if (!said) logger_->Warning("table {} is not replicated: {}", skipped.name, skipped.reason);
  }
  catalog_ = std::move(sync.catalog);
  HL_ASSIGN(seen_numbers_, ledger::LoadSeenNumbers(db_));
  db_->ClearCache();
  orphan_census_.Reset(db_, &catalog_, clock_);
  null_key_census_.Reset(db_, &catalog_, clock_);
  lost_child_census_.Reset(db_, &catalog_, clock_);
  schema_fingerprint_ = ledger::SchemaFingerprint(catalog_);
  left_out_.clear();
  for (const schema::SkippedTable& skipped : catalog_.skipped)
    if (skipped.cause != schema::SkipCause::kVirtual) left_out_[skipped.name] = skipped.reason;
  left_out_.insert(not_made_.begin(), not_made_.end());
  Status used = UseCatalog();
  if (!used.ok()) catalog_.schema_version = -1;  // makes SchemaChanged() true
  return used;
}

// Does what is left to do after a new catalog_ was taken over.
Status Replica::UseCatalog() {
  HL_ASSIGN(const ledger::Definitions definitions, ledger::LoadDefinitions(db_, catalog_));
  definitions_ = ledger::DefinitionsFingerprint(catalog_, definitions);
  HL_ASSIGN(const std::vector<std::string> warnings, applier_.SetCatalog(catalog_));
  for (const std::string& warning : warnings) logger_->Warning("{}", warning);
  return SettleAlone();
}

// Settles all tables after a schema change, because indexes and references may differ now. This is
// a transaction of its own: the applier learns the new schema only after the transaction that
// synced it.
Status Replica::SettleAlone() {
  const bool needed = std::any_of(catalog_.tables.begin(), catalog_.tables.end(),
                                  [](const ledger::TrackedTable& t) { return t.has_shadow_table; });
  if (!needed) return Ok();
  // Orphans among rows that were written before the present references were known are searched for
  // without the write lock. Rows that are written meanwhile are in the journal, and are judged when
  // it is folded.
  const uint64_t judged_by = ledger::ReferencesFingerprint(catalog_);
  std::vector<apply::FoundOrphan> found;
  if (catalog_.hide_orphans) {
    HL_ASSIGN(const uint64_t before, ledger::JudgedBy(db_));
    if (before != judged_by) {
      HL_ASSIGN(found, apply::FindOrphans(db_, catalog_));
    }
  }
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kUpkeep));
  State next = state_;
  HL_TRY(FoldAll(catalog_, &next));
  for (const apply::FoundOrphan& one : found) {
    const std::vector<change::ValueView> key(one.key.begin(), one.key.end());
    HL_TRY(ledger::Touch(db_, *catalog_.ById(one.table), key));
  }
  if (catalog_.hide_orphans) HL_TRY(ledger::SetJudgedBy(db_, judged_by));
  HL_TRY(Settle());
  return Commit(&transaction, next);
}

}  // namespace harmonylite::node
