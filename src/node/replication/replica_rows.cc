// Orders about single rows, as `harmonylite verify --repair` and a first join give them, counts of
// rows for the operator, and what is told to the listener to written rows. See replica.h.
#include <algorithm>

#include "apply/table_writer.h"
#include "base/mutant.h"
#include "capture/count_as_oldest.h"
#include "capture/journal.h"
#include "ledger/conflict_log.h"
#include "ledger/references.h"
#include "ledger/shadows.h"
#include "node/replication/replica.h"
#include "sqlite/transaction.h"

namespace harmonylite::node {

namespace {

using change::ValueView;
using change::Views;
using sqlite::TransactionKind;

}  // namespace

void Replica::SetRowListener(ports::RowListener* listener) {
  row_listener_ = listener;
  if (listener == nullptr) return;
  std::map<std::string, int64_t> rows;
  for (const ledger::TrackedTable& tracked : catalog_.tables) rows[tracked.table.name] = 0;
  rows.erase(std::string(schema::kSchemaTable));
  listener->RowsWritten(rows);
}

// Tells what the transaction has written that was just committed.
void Replica::TellWritten() {
  if (row_listener_ == nullptr || applier_.written()->empty()) return;
  std::map<std::string, int64_t> rows;
  for (const auto& [table, written] : *applier_.written())
    if (const ledger::TrackedTable* tracked = catalog_.ById(table))
      rows[tracked->table.name] += written;
  rows.erase(std::string(schema::kSchemaTable));
  if (!rows.empty()) row_listener_->RowsWritten(rows);
}

Result<int64_t> Replica::Reapply(WaitingBatch* batch) {
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
  ledger::State next = state_;
  HL_TRY(FoldAll(catalog_, &next));
  HL_ASSIGN(change::BatchDecoder decoder, change::BatchDecoder::Begin(&batch->arrived.bytes));
  HL_ASSIGN(const int64_t rows, applier_.Reapply(&decoder, origins_));
  if (rows == 0) return rows;
  HL_TRY(MoveIds(catalog_, next));
  HL_TRY(Commit(&transaction, next));
  return rows;
}

Result<int64_t> Replica::CarryOut(const RowOrders& orders) {
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
  ledger::State next = state_;
  HL_TRY(FoldAll(catalog_, &next));
  if (orders.raise_clock.value > 0) HL_TRY(capture::RaiseClock(db_, orders.raise_clock));
  int64_t rows = 0;
  for (const RowOrder& order : orders.orders) {
    HL_ASSIGN(const int64_t some, CarryOut(order, orders.keep_lost));
    rows += some;
  }
  ledger::OriginTable origins = origins_;
  for (const YieldingRows& yielding : orders.yields)
    HL_TRY(NoteYielding(yielding, orders.compared_with, &origins));
  HL_TRY(FoldAll(catalog_, &next));
  if (orders.counts_as_oldest) HL_TRY(capture::CountAsOldest(db_, catalog_, next));
  HL_TRY(Settle());
  next.joined = next.joined || orders.joins;
  next.catching_up = !next.joined && (next.catching_up || orders.catches_up);
  next.compared = next.compared || orders.compared;
  HL_TRY(Commit(&transaction, next));
  origins_ = std::move(origins);
  return rows;
}

// What is forgotten elsewhere may still be known to a third node, which would not take an old stamp
// for it. So nothing counts as older once deletes that this file never saw may be forgotten.
Result<bool> Replica::Fold(const ledger::Catalog& catalog, ledger::State* state, int64_t limit) {
  if (state->catching_up && collected_.map().empty())
    HL_TRY(capture::CountUnseenAsOldest(db_, catalog, *state, limit));
  return capture::Fold(db_, catalog, state, limit);
}

Status Replica::TakePart() {
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
  ledger::State next = state_;
  HL_TRY(FoldAll(catalog_, &next));
  HL_TRY(Settle());
  next.joined = true;
  next.catching_up = false;
  return Commit(&transaction, next);
}

// Carries out one order, in the caller's transaction. A row is passed over unless it still has the
// version of its mark, because then it was written since it was looked at.
Result<int64_t> Replica::CarryOut(const RowOrder& order, bool keep_lost) {
  const ledger::TrackedTable* tracked = catalog_.ByName(order.table);
  if (tracked == nullptr)
    return MakeError(ErrorCode::kNotFound, "there is no table {}", order.table);
  HL_ASSIGN(apply::TableWriter writer,
            apply::TableWriter::Make(db_, *tracked, false, applier_.written()));
  std::optional<ledger::ShadowTable> shadows;
  if (tracked->has_shadow_table) shadows.emplace(db_, *tracked);
  int64_t rows = 0;
  for (size_t i = 0; i < order.keys.size(); ++i) {
    const std::vector<ValueView> key = Views(order.keys[i]);
    const RowMark& mark = order.marks[i];
    HL_ASSIGN(const auto stored, writer.FindVersion(key));
    if (stored.has_value() != mark.versioned) continue;
    if (stored) {
      HL_ASSIGN(const Origin origin, origins_.At(stored->origin));
      if (origin != mark.origin || stored->lseq != mark.lseq) continue;
    }
    HL_ASSIGN(const std::optional<change::Row> row, writer.ReadRow(key));
    if (!row && shadows) {
      // A shadowed row is not in its table. Journaling it now would look like a delete.
      HL_ASSIGN(const std::optional<change::Row> shadowed, shadows->Image(key));
      if (shadowed) continue;
    }
    ++rows;
    if (order.kind == OrderKind::kJournal) {
      HL_TRY(capture::Append(db_, *tracked, key, *clock_));
      continue;
    }
    if (!row || (stored && !stored->deleted)) continue;
    if (keep_lost) {
      const std::vector<ValueView> image = Views(*row);
      const Hlc stamp = stored ? stored->stamp : Hlc(0);
      const ledger::OriginIndex origin = stored ? stored->origin : state_.self_index;
      HL_ASSIGN(const int64_t id,
                ledger::AddConflict(db_, *tracked, ledger::conflict_kind::kUnseen, key,
                                    {stamp, origin, image}, {stamp, origin, {}}));
      (void)id;
    }
    if (tracked->in_references) HL_TRY(ledger::Touch(db_, *tracked, key));
    HL_TRY(writer.DeleteRow(key));
  }
  return rows;
}

// Keeps rows that give way to the cluster's in `conflicts`. They stay in their table, without a
// version, so that the application has a row until the cluster's arrives and replaces it.
Status Replica::NoteYielding(const YieldingRows& yielding, const Origin& compared_with,
                             ledger::OriginTable* origins) {
  const ledger::TrackedTable* tracked = catalog_.ByName(yielding.table);
  if (tracked == nullptr)
    return MakeError(ErrorCode::kNotFound, "there is no table {}", yielding.table);
  HL_ASSIGN(apply::TableWriter writer,
            apply::TableWriter::Make(db_, *tracked, false, applier_.written()));
  for (size_t i = 0; i < yielding.keys.size(); ++i) {
    const std::vector<ValueView> key = Views(yielding.keys[i]);
    const RowMark& winner = yielding.winners[i];
    HL_ASSIGN(const auto stored, writer.FindVersion(key));
    HL_ASSIGN(const std::optional<change::Row> row, writer.ReadRow(key));
    if (stored || !row || HL_MUTANT(first_join_not_kept)) continue;
    HL_ASSIGN(const ledger::OriginIndex by,
              origins->IndexOf(db_, winner.versioned ? winner.origin : compared_with));
    const std::string_view kind =
        winner.image == 0 ? ledger::conflict_kind::kDeleted : ledger::conflict_kind::kFirstJoin;
    HL_ASSIGN(
        [[maybe_unused]] const int64_t id,
        ledger::AddConflict(db_, *tracked, kind, key, {Hlc(0), state_.self_index, Views(*row)},
                            {winner.stamp, by, {}}));
  }
  return Ok();
}

Result<bool> Replica::CountRows() {
  // The sum changes whenever any connection commits: DataVersion() moves with other connections'
  // commits, and commits_ with our own.
  HL_ASSIGN(const int64_t others, db_->DataVersion());
  HL_ASSIGN(const bool orphans, orphan_census_.Step(others + commits_));
  const std::map<std::string, int64_t> before = null_keys();
  HL_ASSIGN(const bool local, null_key_census_.Step(others + commits_));
  for (const auto& [table, rows] : null_keys())
    if (local && !before.contains(table))
      logger_->Warning(
          "table {}: {} rows have NULL in their key and stay on this node: give them a key, and "
          "declare it NOT NULL ('harmonylite conflicts' lists them)",
          table, rows);
  const std::map<std::string, int64_t> known = lost_children();
  HL_ASSIGN(const bool lost, lost_child_census_.Step(others + commits_));
  for (const auto& [table, rows] : lost_children())
    if (lost && !known.contains(table))
      logger_->Warning(
          "table {}: {} rows refer to rows of other nodes that have the ids of theirs now: "
          "'harmonylite conflicts --restore-all --new-ids' writes theirs back, and they follow",
          table, rows);
  return orphans || local || lost;
}

}  // namespace harmonylite::node
