#include "apply/merge_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "capture/catalog_sync.h"
#include "capture/journal.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/retirement_table.h"
#include "ledger/tombstones.h"
#include "schema/schema.h"
#include "sqlite/identifier.h"
#include "sqlite/transaction.h"

namespace harmonylite::apply {

namespace {

using change::ProgressVector;
using change::Row;
using change::ValueView;
using change::Views;
using ledger::Catalog;
using ledger::TrackedTable;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Rows compared between two looks at `cancelled`.
constexpr int64_t kLooksBetweenCancelled = 1'000;

class Planner {
 public:
  Planner(Connection* db, Connection* snapshot, const std::atomic<bool>* cancelled)
      : db_(db), snapshot_(snapshot), cancelled_(cancelled) {}

  // Adds to the plan the rows of `ours` of which the snapshot knows nothing. `theirs` is the same
  // table in the snapshot.
  Status Compare(const TrackedTable& ours, const TrackedTable& theirs,
                 const ledger::OriginTable& origins, MergePlan* plan) {
    HL_ASSIGN(SnapshotRows there, SnapshotRows::Make(snapshot_, theirs));
    HL_TRY(CompareVersions(ours, &there, origins, plan));
    return ours.had_rows ? CompareUnversioned(ours, &there, plan) : Ok();
  }

 private:
  // Rule 4 of docs/decisions/0020 for rows with a version. Absent rows whose write the maker had
  // applied were deleted. Other absent rows stay, and those that may be older than a forgotten
  // delete are noted as unknown.
  Status CompareVersions(const TrackedTable& ours, SnapshotRows* there,
                         const ledger::OriginTable& origins, MergePlan* plan) {
    HL_ASSIGN(Statement scan,
              db_->Prepare(fmt::format("SELECT v.hlc, v.n, v.lseq{} FROM {} v WHERE v.gone = 0",
                                       ledger::KeyColumns("v", ours.table),
                                       Quote(ledger::VersionTableName(ours.id)))));
    while (true) {
      HL_ASSIGN(const bool row, scan.Step());
      if (!row) return Ok();
      HL_TRY(CheckCancelled());
      AbsentRow absent{ours.id, scan.Values(3), Hlc(scan.Int(0)), scan.Int(1), Lseq(scan.Int(2))};
      HL_ASSIGN(const bool known,
                there->Knows(Views(absent.key), absent.stamp, plan->newest_forgotten));
      if (known) continue;
      HL_ASSIGN(const Origin origin, origins.At(ledger::OriginIndex(absent.origin)));
      if (change::Knowledge(plan->progress, plan->retirements).Covers(origin, absent.lseq))
        plan->deleted.push_back(std::move(absent));
      else if (absent.stamp <= plan->newest_forgotten)
        plan->unknown.push_back(std::move(absent));
    }
  }

  // Rows from before HarmonyLite have no version. If the snapshot has neither the row nor a version
  // of it, it counts as deleted; RemoveAbsent keeps its image. Rows with NULL in their key are
  // local and are not compared.
  Status CompareUnversioned(const TrackedTable& ours, SnapshotRows* there, MergePlan* plan) {
    HL_ASSIGN(Statement scan, db_->Prepare(fmt::format(
                                  "SELECT {} FROM {} t LEFT JOIN {} v ON {} WHERE v.hlc IS NULL",
                                  ledger::RowKey("t", ours.table), Quote(ours.table.name),
                                  Quote(ledger::VersionTableName(ours.id)),
                                  ledger::HiddenMatches("v", "t", ours.table))));
    while (true) {
      HL_ASSIGN(const bool row, scan.Step());
      if (!row) return Ok();
      HL_TRY(CheckCancelled());
      AbsentRow absent;
      absent.table = ours.id;
      bool local = false;
      for (int i = 0; i < scan.columns(); ++i) {
        absent.key.emplace_back(scan.Column(i));
        local = local || scan.IsNull(i);
      }
      if (local) continue;
      HL_ASSIGN(const bool known, there->Has(Views(absent.key)));
      if (!known) plan->deleted.push_back(std::move(absent));
    }
  }

  Status CheckCancelled() {
    if (++looks_ % kLooksBetweenCancelled != 0 || cancelled_ == nullptr || !cancelled_->load())
      return Ok();
    return MakeError(ErrorCode::kRetryLater, "cancelled");
  }

  Connection* db_;        // not owned
  Connection* snapshot_;  // not owned
  const std::atomic<bool>* cancelled_;
  int64_t looks_ = 0;
};

// Compares every table that both databases have. A table that the maker does not have proves
// nothing about its rows.
Status CompareTables(Connection* db, Connection* snapshot,
                     const capture::BatchReaderOptions& options, const std::atomic<bool>* cancelled,
                     MergePlan* plan) {
  HL_ASSIGN(const Catalog ours, capture::LoadCatalog(db, options.tables));
  HL_ASSIGN(const Catalog theirs, capture::LoadCatalog(snapshot, options.tables));
  if (!ours.complete || !theirs.complete)
    return MakeError(ErrorCode::kRetryLater, "a table waits for its triggers");
  HL_ASSIGN(const auto origins, ledger::OriginTable::Load(db));
  Planner planner(db, snapshot, cancelled);
  for (const TrackedTable& tracked : ours.tables) {
    const TrackedTable* there = theirs.ByName(tracked.table.name);
    if (there == nullptr) continue;
    if (const auto difference = schema::Difference(tracked.table.Shape(), there->table.Shape()))
      return MakeError(ErrorCode::kSchemaMismatch, "table {}: {}", tracked.table.name, *difference);
    HL_TRY(planner.Compare(tracked, *there, origins, plan));
    plan->tables.emplace_back(tracked, *there);
  }
  return Ok();
}

}  // namespace

Result<SnapshotRows> SnapshotRows::Make(Connection* snapshot, const TrackedTable& there) {
  SnapshotRows out;
  HL_ASSIGN(out.version_, snapshot->Prepare(fmt::format("SELECT gone, hlc FROM {} WHERE {}",
                                                        Quote(ledger::VersionTableName(there.id)),
                                                        ledger::HiddenKeyIs(there.table))));
  HL_ASSIGN(out.row_,
            snapshot->Prepare(fmt::format("SELECT 1 FROM {} WHERE {}", Quote(there.table.name),
                                          ledger::RowKeyIs(there.table))));
  return out;
}

Result<bool> SnapshotRows::Has(std::span<const ValueView> key) {
  return Knows(key, Hlc(0), Hlc(0));
}

Result<bool> SnapshotRows::Knows(std::span<const ValueView> key, Hlc stamp, Hlc newest_forgotten) {
  for (Statement* find : {&version_, &row_}) {
    find->BindAll(key);
    HL_ASSIGN(const bool found, find->Step());
    const bool deleted = found && find == &version_ && find->Int(0) != 0;
    const Hlc theirs = deleted ? Hlc(find->Int(1)) : Hlc(0);
    find->Reset();
    if (found) return !deleted || theirs >= stamp || theirs > newest_forgotten;
  }
  return false;
}

Result<std::vector<AbsentRow>> FindLateRows(Connection* db, Connection* snapshot,
                                            const MergePlan& plan) {
  std::vector<AbsentRow> out;
  for (const auto& [ours, theirs] : plan.tables) {
    HL_ASSIGN(SnapshotRows there, SnapshotRows::Make(snapshot, theirs));
    HL_ASSIGN(
        Statement scan,
        db->Prepare(fmt::format(
            "SELECT DISTINCT v.hlc, v.n, v.lseq{} FROM __harmonylite__journal j JOIN {} v ON {} "
            "WHERE j.id > ?1 AND j.tbl = ?2 AND j.op = 1 AND v.gone = 0 AND v.hlc <= ?3",
            ledger::KeyColumns("v", ours.table), Quote(ledger::VersionTableName(ours.id)),
            ledger::HiddenKeysEqual("v", "j", ours.table))));
    scan.Bind(1, plan.folded_to.value);
    scan.Bind(2, ours.id);
    scan.Bind(3, plan.newest_forgotten.value);
    while (true) {
      HL_ASSIGN(const bool row, scan.Step());
      if (!row) break;
      AbsentRow late{ours.id, scan.Values(3), Hlc(scan.Int(0)), scan.Int(1), Lseq(scan.Int(2))};
      HL_ASSIGN(const bool known, there.Knows(Views(late.key), late.stamp, plan.newest_forgotten));
      if (!known) out.push_back(std::move(late));
    }
  }
  return out;
}

Result<MergePlan> PlanMerge(Connection* db, Connection* snapshot,
                            const capture::BatchReaderOptions& options,
                            const std::atomic<bool>* cancelled) {
  HL_ASSIGN(auto reading, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kRead));
  MergePlan plan;
  HL_ASSIGN(plan.schema_version, db->QueryInt("PRAGMA schema_version"));
  HL_ASSIGN(const ledger::State state, ledger::LoadState(db));
  HL_ASSIGN(const auto origins, ledger::OriginTable::Load(db));
  HL_ASSIGN(plan.at, ledger::LoadProgress(db, origins));
  plan.folded_to = state.folded_to;
  HL_ASSIGN(const auto their_origins, ledger::OriginTable::Load(snapshot));
  HL_ASSIGN(plan.progress, ledger::LoadProgress(snapshot, their_origins));
  HL_ASSIGN(plan.collected, ledger::LoadCollected(snapshot, their_origins));
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(snapshot));
  plan.clock = end.stamp;
  HL_ASSIGN(plan.newest_forgotten, ledger::NewestForgotten(snapshot));
  HL_ASSIGN(plan.retirements, ledger::LoadRetirements(db, origins));
  HL_ASSIGN(const change::Retirements theirs, ledger::LoadRetirements(snapshot, their_origins));
  for (const auto& [origin, retirements] : theirs.all())
    for (const change::Retirement& one : retirements) plan.retirements.Add(one);
  const change::Knowledge ours(plan.at, plan.retirements, state.self, Lseq(INT64_MAX));
  plan.by_absence = !ours.Covers(plan.collected);
  // Own changes never have to come back from the snapshot.
  change::ProgressVector have = ours.Expanded();
  have.Advance(state.self, plan.progress.Get(state.self));
  capture::BatchReader reader(snapshot, options);
  HL_ASSIGN(plan.batch, reader.ReadForMerge(have));
  if (plan.by_absence) HL_TRY(CompareTables(db, snapshot, options, cancelled, &plan));
  return plan;
}

}  // namespace harmonylite::apply
