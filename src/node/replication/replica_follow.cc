// Following what other nodes change in the schema. See replica.h.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apply/schema_follower.h"
#include "base/mutant.h"
#include "capture/batch_reader.h"
#include "capture/schema_capture.h"
#include "ledger/schema_table.h"
#include "node/replication/replica.h"
#include "schema/name_clash.h"
#include "schema/object_row.h"
#include "sqlite/transaction.h"

namespace harmonylite::node {

using apply::FollowReport;
using ledger::State;
using sqlite::TransactionKind;

// A row that was united is a new write. Nodes that notice at once write the same.
Status Replica::Unite(const apply::SchemaMerge& merge) {
  if (merge.concurrent.empty() || HL_MUTANT(definitions_not_united)) return Ok();
  HL_ASSIGN(ledger::ObjectRows objects, ledger::LoadObjects(db_));
  for (const auto& [winner, loser] : merge.concurrent) {
    const auto present = objects.find(winner.key);
    if (present == objects.end()) continue;
    schema::ObjectRow united = schema::Unite(schema::Unite(present->second, winner), loser);
    if (united == present->second) continue;
    HL_TRY(capture::WriteObject(db_, catalog_, united, *clock_));
    logger_->Info("{} {} was changed on two nodes at once: it has the columns of both",
                  schema::KindName(united.key.kind), united.name());
    present->second = std::move(united);
  }
  return Ok();
}

Status Replica::GiveNamesUp() {
  HL_ASSIGN(const ledger::ObjectRows objects, ledger::LoadObjects(db_));
  for (const schema::ObjectRow& renamed : schema::TablesThatGiveWay(objects)) {
    logger_->Warning("two tables were called {} on different nodes: one of them is called {} now",
                     objects.at(renamed.key).name(), renamed.name());
    HL_TRY(capture::WriteObject(db_, catalog_, renamed, *clock_));
  }
  return Ok();
}

Status Replica::FollowSchema(const apply::SchemaMerge& merge, State* next) {
  HL_TRY(Unite(merge));
  if (options_.schema.follow != schema::Follow::kOff && !HL_MUTANT(names_not_given_up))
    HL_TRY(GiveNamesUp());
  if (!following_) following_ = Following{{}, catalog_};
  FollowReport report;
  if (options_.schema.follow != schema::Follow::kOff) {
    HL_ASSIGN(report, BringInLine(merge));
    HL_ASSIGN(capture::SyncPlan plan, capture::PlanSync(db_, options_.tables));
    HL_TRY(TakeSchemaOver(std::move(plan), report.rebuilt, next, &following_->sync));
    HL_TRY(capture::NoteSeen(db_, options_.tables, following_->sync.catalog));
    HL_TRY(ledger::NoteObjects(db_, &following_->sync.catalog));
    catalog_ = following_->sync.catalog;
  }
  HL_TRY(FoldAll(catalog_, next));
  HL_ASSIGN([[maybe_unused]] const auto warnings, applier_.SetCatalog(catalog_));
  for (const auto& [table, rows] : report.clashing)
    if (!HL_MUTANT(clashing_rows_lost)) HL_TRY(applier_.KeepShadowed(table, rows));
  return Ok();
}

Result<FollowReport> Replica::BringInLine(const apply::SchemaMerge& merge) {
  // Kept statements and the application's triggers on this connection stand in the way.
  db_->ClearCache();
  HL_TRY(apply::DropTempTriggers(db_));
  apply::SchemaFollower follower(db_, catalog_, options_.schema);
  const apply::AmongApplied among = [&](const change::ProgressVector& applied,
                                        ledger::OriginIndex index, Lseq lseq) -> Result<bool> {
    HL_ASSIGN(const Origin origin, merge.origins->At(index));
    return change::Knowledge(applied, *retirements_).Covers(origin, lseq);
  };
  HL_ASSIGN(FollowReport report, follower.Run(among));
  for (const schema::ObjectRow& row : report.reworded)
    if (!HL_MUTANT(reworded_not_sent)) HL_TRY(capture::WriteObject(db_, catalog_, row, *clock_));
  db_->ClearCache();
  for (const std::string& done : report.done) logger_->Info("schema: {}", done);
  if (report.set_aside > 0)
    logger_->Warning(
        "{} rows that other nodes had not seen went with their tables or columns; they are kept "
        "among the conflicts ('harmonylite conflicts' lists them)",
        report.set_aside);
  for (const auto& [object, why] : report.left_out)
    if (!not_made_.contains(object)) logger_->Warning("{} cannot be made here: {}", object, why);
  not_made_ = std::move(report.left_out);
  for (const int64_t table : report.altered) (*applier_.written())[table] += 0;
  for (const auto& [table, rows] : report.clashing) {
    (*applier_.written())[table] += static_cast<int64_t>(rows.size());
    report.rebuilt.insert(table);  // nothing was written there that triggers did not see
  }
  return report;
}

// The batch counts as applied whatever becomes of this: what fails here is done again by the next
// step, which finds the schema changed.
Status Replica::EndFollowing(Status outcome) {
  if (!following_) return outcome;
  Following ended = std::move(*following_);
  following_.reset();
  Status used = Ok();
  if (outcome.ok() && options_.schema.follow != schema::Follow::kOff) {
    used = UseSchema(std::move(ended.sync), /*first=*/false);
  } else if (!outcome.ok()) {
    catalog_ = std::move(ended.before);
    auto set = applier_.SetCatalog(catalog_);
    if (!set.ok()) used = std::move(set).error();
  }
  if (!used.ok()) {
    logger_->Debug("the schema is taken over by the next step: {}", used.error().message());
    catalog_.schema_version = -1;
  }
  return outcome;
}

// What was left out may be possible by now, and what this node follows may have been configured
// anew. A table that cannot be brought in line keeps nothing else from running.
Status Replica::CatchUp() {
  if (options_.schema.follow == schema::Follow::kOff) return Ok();
  HL_ASSIGN(const bool nothing, capture::LooksAsRowsSay(db_));
  if (nothing) return Ok();
  const auto follow = [&]() -> Status {
    HL_ASSIGN(auto transaction, Begin(TransactionKind::kUpkeep));
    State next = state_;
    HL_TRY(FoldAll(catalog_, &next));
    apply::SchemaMerge merge;
    merge.origins = &origins_;
    HL_TRY(FollowSchema(merge, &next));
    HL_TRY(Settle());
    return Commit(&transaction, next);
  };
  Status followed = EndFollowing(follow());
  if (followed.ok() || followed.error().code() == ErrorCode::kRetryLater) return followed;
  logger_->Warning("{}; its rows wait until it is", followed.error().message());
  return Ok();
}

Status Replica::FollowSnapshot(sqlite::Connection* snapshot) {
  capture::BatchReader reader(snapshot,
                              {options_.tables, /*compress=*/false, options_.spool_directory});
  HL_ASSIGN(const auto batch, reader.ReadObjects());
  if (!batch) return Ok();
  const auto follow = [&]() -> Status {
    HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
    State next = state_;
    HL_TRY(FoldAll(catalog_, &next));
    ledger::OriginTable origins = origins_;
    HL_ASSIGN(auto decoder, change::BatchDecoder::Begin(&batch->bytes));
    apply::ApplyOptions options;
    options.covers = false;
    options.follows = options_.schema.follow;
    options.follow = [&](const apply::SchemaMerge& merge) { return FollowSchema(merge, &next); };
    HL_ASSIGN([[maybe_unused]] const apply::ApplyStats stats,
              applier_.Apply(&decoder, next, progress_, *retirements_, &origins, options));
    HL_TRY(Commit(&transaction, next));
    origins_ = std::move(origins);
    return Ok();
  };
  return EndFollowing(follow());
}

}  // namespace harmonylite::node
