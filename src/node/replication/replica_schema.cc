// Taking over a schema that the application has changed. See replica.h.
#include <algorithm>
#include <map>
#include <optional>
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
// in the schema, in one transaction. Only the journaling takes several where a node starts and a
// large schema is new, because nothing is sent before the last of them.
Status Replica::SyncSchema() {
  const bool first = catalog_.schema_version < 0;
  if (first) HL_TRY(AddHiddenTables());
  std::vector<capture::CatalogChange> changes;
  while (true) {
    HL_TRY(PlanSchema());
    HL_ASSIGN(auto transaction, BeginOnAnySchema(TransactionKind::kUpkeep));
    const auto enough = StepEnd(first ? options_.attach_step : kOneStep, clock_);
    HL_TRY(CheckPlan());
    SchemaPlan plan = *std::exchange(schema_plan_, std::nullopt);
    State next = state_;
    capture::SyncResult sync;
    HL_TRY(TakeSchemaOver(std::move(plan.sync), /*rebuilt=*/{}, &next, &sync));
    HL_ASSIGN(const bool all,
              capture::CaptureSchema(db_, std::move(plan.reading), sync.catalog, *clock_, enough));
    HL_TRY(ledger::NoteObjects(db_, &sync.catalog));
    // Capturing a dropped table drops what belonged to it.
    HL_ASSIGN(sync.catalog.schema_version, db_->QueryInt("PRAGMA schema_version"));
    HL_TRY(Commit(&transaction, next));
    changes.insert(changes.end(), sync.changes.begin(), sync.changes.end());
    if (!all) continue;
    sync.changes = std::move(changes);
    HL_TRY(UseSchema(std::move(sync), first));
    // What could not be made may have what it needs now.
    return first || !not_made_.empty() ? CatchUp() : Ok();
  }
}

// Makes the hidden tables that a file from before them lacks.
Status Replica::AddHiddenTables() {
  HL_ASSIGN(const bool all, ledger::HasAllHiddenTables(db_));
  if (all) return Ok();
  HL_ASSIGN(auto transaction, BeginOnAnySchema(TransactionKind::kUpkeep));
  HL_TRY(ledger::AddMembershipTables(db_));
  HL_TRY(ledger::AddSchemaTables(db_));
  return transaction.Commit();
}

// Reads the present schema. SQLite reads it anew, too, which takes longest.
Status Replica::ReadSchemaPlan(const schema::HeaderNumbers& numbers) {
  schema_plan_.reset();
  SchemaPlan plan;
  plan.numbers = numbers;
  plan.commits = commits_;
  HL_ASSIGN(plan.sync, capture::PlanSync(db_, options_.tables));
  HL_ASSIGN(plan.reading, capture::ReadForCapture(db_, options_.tables));
  schema_plan_ = std::move(plan);
  return Ok();
}

// Makes a plan without the write lock, unless there is one that holds.
Status Replica::PlanSchema() {
  HL_ASSIGN(auto transaction, BeginOnAnySchema(TransactionKind::kRead));
  HL_ASSIGN(const schema::HeaderNumbers numbers, schema::ReadHeaderNumbers(db_));
  if (schema_plan_ && schema_plan_->numbers == numbers && schema_plan_->commits == commits_)
    return Ok();
  return ReadSchemaPlan(numbers);
}

// kRetryLater, passing: the schema has changed since the plan was made, in the moment before the
// lock was taken. Where that goes on, the plan is made behind the lock.
Status Replica::CheckPlan() {
  HL_ASSIGN(const schema::HeaderNumbers numbers, schema::ReadHeaderNumbers(db_));
  const bool holds = schema_plan_->numbers == numbers;
  if (!holds && ++outdated_plans_ < kMostOutdatedPlans) {
    schema_plan_.reset();
    return SchemaJustChanged();
  }
  outdated_plans_ = 0;
  return holds ? Ok() : ReadSchemaPlan(numbers);
}

// The journal is folded by the new catalog before the audits run, so that a row which is journaled
// already is not taken for one that was written without triggers.
Status Replica::TakeSchemaOver(capture::SyncPlan plan, const std::set<int64_t>& rebuilt,
                               State* next, capture::SyncResult* sync) {
  HL_ASSIGN(*sync,
            capture::SyncCatalog(db_, options_.tables, capture::Rows::kNew, std::move(plan)));
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
  HL_TRY(applier_.PrepareToSettle());
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
