// Merging a snapshot: the transactions of it. The rules and their proof are in
// docs/decisions/0020-forgetting-tombstones.md. See replica.h.
#include "base/mutant.h"
#include "capture/journal.h"
#include "ledger/retirement_table.h"
#include "ledger/tombstones.h"
#include "node/replication/replica.h"
#include "sqlite/transaction.h"

namespace harmonylite::node {

using sqlite::TransactionKind;

Result<apply::MergePlan> Replica::PlanMerge(sqlite::Connection* snapshot,
                                            const std::atomic<bool>& cancelled) {
  return apply::PlanMerge(
      db_, snapshot, {options_.tables, /*compress=*/false, options_.spool_directory}, &cancelled);
}

Result<apply::OldRows> Replica::FindOldRows(sqlite::Connection* snapshot) {
  return apply::OldRows::Make(db_, snapshot, options_.tables);
}

Result<int64_t> Replica::AddOldRows(const apply::FoundOldRows& rows) {
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
  ledger::State next = state_;
  HL_TRY(FoldAll(catalog_, &next));
  // The table now has rows from before HarmonyLite. Without this mark an audit would take them for
  // new writes.
  HL_TRY(db_->Exec(fmt::format(
      "UPDATE __harmonylite__tables SET had_rows = 1 WHERE id = {} AND had_rows = 0", rows.table)));
  const bool first = db_->changes() > 0;
  HL_ASSIGN(const int64_t added, applier_.AddOldRows(rows));
  HL_TRY(MoveIds(catalog_, next));
  HL_TRY(Settle());
  HL_TRY(Commit(&transaction, next));
  if (!first) return added;
  for (ledger::TrackedTable& tracked : catalog_.tables)
    tracked.had_rows |= tracked.id == rows.table;
  // The warnings were logged when the schema was synced.
  auto warnings = applier_.SetCatalog(catalog_);
  if (!warnings.ok()) return std::move(warnings).error();
  return added;
}

// Carries out a plan. Three kinds of rows are written:
//
// - Rows that the snapshot knows in a newer version arrive as a batch, as in a repair.
// - Rows of which the snapshot has no version although its maker had merged their last write were
//   deleted there, and the delete is forgotten: they are removed. Absence is looked at only if the
//   maker has forgotten deletes that are not applied here (`by_absence`).
// - In that case, rows that the maker did not know may be older than a forgotten delete. They are
//   written anew with a fresh stamp, so that they win over it. So are rows of this kind that were
//   written since the plan was made (`late`). So are rows that the batch brings in for the first
//   time (`fresh`), if the maker had not seen all deletes that are forgotten here.
//
// Afterwards this node has forgotten what the maker had forgotten. Rows, versions, progress and the
// collected vector are committed together (P3), and no deleted row comes back (P5).
Result<std::optional<Replica::Merged>> Replica::MergeRestore(const apply::MergePlan& plan,
                                                             sqlite::Connection* snapshot) {
  HL_ASSIGN(auto transaction, BeginOnAnySchema(TransactionKind::kWrite));
  HL_ASSIGN(const bool changed, SchemaChanged());
  if (changed || plan.schema_version != catalog_.schema_version || plan.at != progress_)
    return std::optional<Merged>();
  Merged out;
  ledger::State next = state_;
  HL_TRY(FoldAll(catalog_, &next));
  ledger::OriginTable origins = origins_;
  change::ProgressVector progress = progress_;
  std::vector<change::Retirement> brought;
  for (const auto& [origin, known] : plan.retirements.all())
    brought.insert(brought.end(), known.begin(), known.end());
  auto retirements = std::make_shared<change::Retirements>(*retirements_);
  HL_TRY(TakeRetirements(brought, &origins, &retirements));
  std::vector<apply::AbsentRow> fresh;
  if (plan.batch) {
    HL_ASSIGN(auto decoder, change::BatchDecoder::Begin(&plan.batch->bytes));
    HL_ASSIGN(const Hlc forgotten, ledger::NewestForgotten(db_));
    const change::Knowledge theirs(plan.progress, plan.retirements);
    apply::ApplyOptions list;
    list.follows = options_.schema.follow;
    if (!theirs.Covers(collected_)) {
      list.fresh_until = forgotten;
      list.fresh = &fresh;
    }
    auto applied = applier_.Apply(&decoder, next, progress, plan.retirements, &origins, list);
    if (!applied.ok()) return std::move(applied).error();
    out.stats = *applied;
    for (const change::Cover& cover : plan.batch->header.covers)
      if (cover.origin != next.self && !HL_MUTANT(merge_without_progress))
        progress.Advance(cover.origin, cover.to);
  }
  // Rows that are written anew must win over everything that the snapshot's maker knew.
  HL_TRY(capture::RaiseClock(db_, plan.clock));
  std::vector<apply::AbsentRow> anew = std::move(fresh);
  if (plan.by_absence && !HL_MUTANT(absence_ignored)) {
    HL_ASSIGN(const auto late, apply::FindLateRows(db_, snapshot, plan));
    HL_ASSIGN(out.removed, applier_.RemoveAbsent(plan.deleted, next.self_index));
    if (HL_MUTANT(merge_drops_unsent)) {
      HL_ASSIGN(out.removed, applier_.RemoveAbsent(plan.unknown, next.self_index));
    }
    anew.insert(anew.end(), plan.unknown.begin(), plan.unknown.end());
    anew.insert(anew.end(), late.begin(), late.end());
  }
  HL_ASSIGN(out.written, applier_.WriteAnew(std::move(anew), next, origins, *clock_));
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db_));
  next.folded_to = end.last;
  apply::ShadowStats shadows;
  apply::OrphanStats orphans;
  HL_TRY(applier_.Settle(origins, &shadows, &orphans));
  change::ProgressVector collected = collected_;
  for (const auto& [origin, lseq] : plan.collected.map()) {
    HL_ASSIGN(const ledger::OriginIndex index, origins.IndexOf(db_, origin));
    HL_TRY(ledger::SaveCollected(db_, index, lseq, plan.newest_forgotten));
    collected.Advance(origin, lseq);
  }
  HL_TRY(MoveIds(catalog_, next));
  HL_ASSIGN(const Lseq journaled, NewestOwn(next));
  HL_TRY(Commit(&transaction, next));
  origins_ = std::move(origins);
  progress_ = std::move(progress);
  collected_ = std::move(collected);
  retirements_ = std::move(retirements);
  journaled_ = journaled;
  ++totals_.batches;
  totals_.rows += out.stats.rows;
  totals_.last_wall_ms = clock_->WallMs();
  return std::optional<Merged>(out);
}

}  // namespace harmonylite::node
