#include "node/replication/consumer.h"

#include "base/free_memory.h"

namespace harmonylite::node {

// Compares, which may take long and takes no lock, then writes what differs. The application may write all the while.
StepResult Consumer::Merge(OpenSnapshot* snapshot) {
  auto needs_fold = d_.replica->NeedsFold();
  if (!needs_fold.ok()) return Busy(needs_fold.error());
  if (*needs_fold) {
    auto folded = d_.replica->Maintain(kFoldChunk, 0);
    return folded.ok() ? StepResult::Progress() : Busy(folded.error());
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
  d_.logger->Info("merged a snapshot with this database: {} rows looked at, {} written; {} rows that were deleted "
                  "elsewhere are removed, {} that nobody else had are sent anew, {} from before HarmonyLite added",
                  merged.stats.rows, merged.stats.won, merged.removed, merged.written, old_rows_added_);
  d_.shared->SetLogGap(false);
  return EndMerge({});
}

// A few at a time, each in a short transaction.
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

StepResult Consumer::EndMerge(std::string error) {
  if (!error.empty()) d_.logger->Error("a snapshot cannot be merged with this database: {}", error);
  d_.shared->SetResyncError(std::move(error));
  plan_.reset();
  found_.reset();
  old_rows_.reset();
  old_rows_done_ = false;
  snapshot_.reset();
  ReturnFreeMemory();
  judge_again_ = true;
  Share();
  return StepResult::Progress();
}

}  // namespace harmonylite::node
