#include <algorithm>

#include "apply/applier.h"
#include "apply/conflict_kind.h"
#include "capture/journal.h"
#include "ledger/conflict_log.h"
#include "ledger/contradiction.h"
#include "ledger/references.h"

namespace harmonylite::apply {

using change::ValueView;
using change::Views;

// A row without a version is unchanged if the plan saw it without one (stamp 0).
Result<bool> Applier::IsUnchanged(const AbsentRow& row, Key key, TableState* state) {
  HL_ASSIGN(const auto found, state->writer.FindVersion(key));
  if (!found) return row.stamp.value == 0;
  return found->stamp == row.stamp && found->origin.value == row.origin && found->lseq == row.lseq;
}

// A row from before HarmonyLite that is absent in the snapshot was deleted there or never was
// there, and nothing tells which. So its image is kept before the row goes (P7).
Status Applier::KeepUnversioned(TableState* state, Key key, ledger::OriginIndex maker) {
  HL_ASSIGN(const std::optional<change::Row> row, state->writer.ReadRow(key));
  if (!row) return Ok();
  const std::vector<ValueView> image = Views(*row);
  HL_ASSIGN(const int64_t id,
            ledger::AddConflict(db_, *state->tracked, ledger::conflict_kind::kDeleted, key,
                                {Hlc(0), maker, image}, {Hlc(0), maker, {}}));
  if (id == 0) return ledger::Contradiction("a conflict was not kept");
  return Ok();
}

Result<int64_t> Applier::RemoveAbsent(const std::vector<AbsentRow>& rows,
                                      ledger::OriginIndex maker) {
  int64_t removed = 0;
  for (const AbsentRow& row : rows) {
    const ledger::TrackedTable* tracked = catalog_.ById(row.table);
    if (tracked == nullptr) continue;
    HL_ASSIGN(TableState * state, StateOf(*tracked));
    const std::vector<ValueView> key = Views(row.key);
    HL_ASSIGN(const bool unchanged, IsUnchanged(row, key, state));
    if (!unchanged) continue;
    if (row.stamp.value == 0) HL_TRY(KeepUnversioned(state, key, maker));
    if (state->shadows) HL_TRY(state->shadows->NoteWrite(key));
    HL_TRY(state->writer.DeleteRow(key));
    HL_TRY(state->writer.DropVersion(key));
    if (tracked->in_references) HL_TRY(ledger::Touch(db_, *tracked, key));
    ++removed;
  }
  return removed;
}

Result<int64_t> Applier::AddOldRows(const FoundOldRows& rows) {
  const ledger::TrackedTable* tracked = catalog_.ById(rows.table);
  if (tracked == nullptr) return int64_t{0};
  HL_ASSIGN(TableState * state, StateOf(*tracked));
  int64_t added = 0;
  for (const change::Row& row : rows.images) {
    RowAtHand at_hand{{}, Views(row)};
    for (const uint32_t position : tracked->table.key_positions)
      at_hand.key.push_back(at_hand.image[position]);
    HL_ASSIGN(const auto version, state->writer.FindVersion(at_hand.key));
    if (version) continue;
    HL_ASSIGN(const auto present, state->writer.ReadRow(at_hand.key));
    if (present) continue;
    HL_TRY(Show(state, at_hand));
    if (tracked->in_references) HL_TRY(ledger::Touch(db_, *tracked, at_hand.key));
    ++added;
  }
  return added;
}

// The version is written here rather than by folding, because folding takes a row that is not in
// its table for deleted. A shadowed row is now newer than the row it gave way to, so it becomes
// pending and Settle decides again. An orphan goes on waiting for its parent.
Status Applier::WriteAnew(TableState* state, Key key, const ledger::State& self,
                          const ledger::OriginTable& origins, const Clock& clock) {
  HL_ASSIGN(const auto before, state->writer.FindVersion(key));
  if (!before || before->deleted)
    return ledger::Contradiction("a row that is written anew has no version");
  HL_TRY(capture::Append(db_, *state->tracked, key, clock));
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db_));
  StoredVersion version{end.change_stamp, self.self_index, end.last_change, false,
                        before->hash,     std::nullopt};
  HL_ASSIGN(const Origin origin, origins.At(before->origin));
  if (origin == self.self) version.born = BornAfter(*before, version, /*both_inserted=*/false);
  HL_TRY(state->writer.ReplaceVersion(key, version));
  if (!state->shadows) return Ok();
  HL_ASSIGN(const std::optional<change::Row> image, state->shadows->Image(key));
  if (!image) return Ok();
  HL_ASSIGN(const bool orphan, state->shadows->IsOrphan(key));
  return orphan ? Ok() : state->shadows->Put(key, Views(*image), std::nullopt);
}

Result<int64_t> Applier::WriteAnew(std::vector<AbsentRow> rows, const ledger::State& self,
                                   const ledger::OriginTable& origins, const Clock& clock) {
  // The order by stamp is kept, so that of two rows with the same unique value the newer one stays
  // the newer one.
  std::stable_sort(rows.begin(), rows.end(),
                   [](const AbsentRow& a, const AbsentRow& b) { return a.stamp < b.stamp; });
  int64_t written = 0;
  for (const AbsentRow& row : rows) {
    const ledger::TrackedTable* tracked = catalog_.ById(row.table);
    if (tracked == nullptr) continue;
    HL_ASSIGN(TableState * state, StateOf(*tracked));
    const std::vector<ValueView> key = Views(row.key);
    HL_ASSIGN(const bool unchanged, IsUnchanged(row, key, state));
    if (!unchanged) continue;
    HL_TRY(WriteAnew(state, key, self, origins, clock));
    ++written;
  }
  return written;
}

}  // namespace harmonylite::apply
