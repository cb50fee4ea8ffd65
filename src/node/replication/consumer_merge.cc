// Merging a snapshot with the database: what a node does that is too far behind to be helped by the
// log or by a repair. See consumer.h.
#include "base/free_memory.h"
#include "node/replication/consumer.h"

namespace harmonylite::node {

// Does the next piece of merging `snapshot` with the database. The application may read and write
// all the while. The pieces are:
//
// 1. The journal is folded, in chunks, so that versions can be compared.
// 2. The schema is brought in line with the snapshot's, if this node follows.
// 3. Rows from before HarmonyLite that only the snapshot has are searched for and added, a few at a
//    time. They have no versions, so no order is lost by adding them in several transactions.
// 4. The versions of both are compared. This may take long, but takes no lock.
// 5. Everything that differs is written in one transaction (P3). If the schema or this node's
//    progress has changed since the comparison, it is made again.
//
// An error that may pass leaves everything as it is for the next step; any other ends the merge.
StepResult Consumer::Merge(OpenSnapshot* snapshot) {
  auto needs_fold = d_.replica->NeedsFold();
  if (!needs_fold.ok()) return Busy(needs_fold.error());
  if (*needs_fold) {
    auto folded = d_.replica->Maintain(sqlite::TransactionKind::kWrite, kFoldChunk, 0);
    return folded.ok() ? StepResult::Progress() : Busy(folded.error());
  }
  if (!schema_followed_) {
    Status followed = d_.replica->FollowSnapshot(snapshot->db());
    if (!followed.ok() && followed.error().code() == ErrorCode::kRetryLater)
      return Busy(followed.error());
    if (!followed.ok()) return EndMerge(followed.error().message());
    schema_followed_ = true;
  }
  if (!old_rows_) {
    auto found = d_.replica->FindOldRows(snapshot->db());
    if (!found.ok() && found.error().code() == ErrorCode::kRetryLater) return Busy(found.error());
    if (!found.ok()) return EndMerge(found.error().message());
    old_rows_.emplace(std::move(*found));
    old_rows_added_ = 0;
  }
  if (!old_rows_done_) return AddOldRows();
  if (!plan_) {
    auto plan = d_.replica->PlanMerge(snapshot->db(), d_.shared->stopping());
    if (!plan.ok() && plan.error().code() == ErrorCode::kRetryLater) return Busy(plan.error());
    if (!plan.ok()) return EndMerge(plan.error().message());
    plan_.emplace(std::move(*plan));
  }
  auto done = d_.replica->MergeRestore(*plan_, snapshot->db());
  if (!done.ok() && done.error().code() == ErrorCode::kRetryLater) return Busy(done.error());
  if (!done.ok()) return EndMerge(done.error().message());
  if (!done->has_value()) {
    plan_.reset();
    return StepResult::Progress();
  }
  const Replica::Merged& merged = **done;
  d_.logger->Info(
      "merged a snapshot with this database: {} rows looked at, {} written; {} rows that were "
      "deleted elsewhere are removed, {} that nobody else had are sent anew, {} from before "
      "HarmonyLite added",
      merged.stats.rows, merged.stats.won, merged.removed, merged.written, old_rows_added_);
  d_.shared->SetLogGap(false);
  return EndMerge({});
}

// Finds the next few rows from before HarmonyLite and adds them, in one short transaction. If the
// database cannot be written, the rows found stay in found_ for the next step.
StepResult Consumer::AddOldRows() {
  if (!found_) {
    auto found = old_rows_->Next(kOldRowsChunk);
    if (!found.ok()) return EndMerge(found.error().message());
    found_ = std::move(*found);
    old_rows_done_ = !found_.has_value();
    if (old_rows_done_) return StepResult::Progress();
  }
  auto added = d_.replica->AddOldRows(*found_);
  if (!added.ok() && added.error().code() == ErrorCode::kRetryLater) return Busy(added.error());
  if (!added.ok()) return EndMerge(added.error().message());
  old_rows_added_ += *added;
  found_.reset();
  return StepResult::Progress();
}

// Gives the snapshot back and reports the outcome; an empty `error` means that it is merged.
StepResult Consumer::EndMerge(std::string error) {
  if (!error.empty()) d_.logger->Error("a snapshot cannot be merged with this database: {}", error);
  d_.shared->SetResyncError(std::move(error));
  plan_.reset();
  found_.reset();
  old_rows_.reset();
  old_rows_done_ = false;
  schema_followed_ = false;
  snapshot_.reset();
  ReturnFreeMemory();
  judge_again_ = true;
  Share();
  return StepResult::Progress();
}

}  // namespace harmonylite::node
