#include "apply/applier.h"
#include "capture/conflict_log.h"
#include "capture/journal.h"
#include "capture/references.h"

namespace harmonylite::apply {

using change::ValueView;

// Also sets key_.
Result<bool> Applier::IsUnchanged(const AbsentRow& row, TableState* state) {
  key_.assign(row.key.begin(), row.key.end());
  HL_ASSIGN(const auto found, state->writer.FindVersion(key_));
  if (!found) return row.stamp.value == 0;
  return found->stamp == row.stamp && found->origin.value == row.origin && found->lseq == row.lseq;
}

// Nobody knows when it was deleted, nor whether it was ever anywhere but here (P7).
Status Applier::KeepUnversioned(TableState* state, capture::OriginIndex maker) {
  HL_ASSIGN(const std::optional<change::Row> row, state->writer.ReadRow(key_));
  if (!row) return Ok();
  const std::vector<ValueView> image(row->begin(), row->end());
  HL_ASSIGN(const int64_t id,
            capture::AddConflict(db_, *state->tracked, capture::conflict_kind::kDeleted, key_,
                                 {Hlc(0), maker, image}, {Hlc(0), maker, {}}));
  HL_CHECK(id != 0);
  return Ok();
}

Result<int64_t> Applier::RemoveAbsent(const std::vector<AbsentRow>& rows, capture::OriginIndex maker) {
  int64_t removed = 0;
  for (const AbsentRow& row : rows) {
    const capture::TrackedTable* tracked = catalog_.ById(row.table);
    if (tracked == nullptr) continue;
    HL_ASSIGN(TableState * state, StateOf(*tracked));
    HL_ASSIGN(const bool unchanged, IsUnchanged(row, state));
    if (!unchanged) continue;
    if (row.stamp.value == 0) HL_TRY(KeepUnversioned(state, maker));
    if (state->shadows) HL_TRY(state->shadows->NoteWrite(key_));
    HL_TRY(state->writer.DeleteRow(key_));
    HL_TRY(state->writer.DropVersion(key_));
    if (tracked->in_references) HL_TRY(capture::Touch(db_, *tracked, key_));
    ++removed;
  }
  return removed;
}

Result<int64_t> Applier::AddOldRows(const FoundOldRows& rows) {
  const capture::TrackedTable* tracked = catalog_.ById(rows.table);
  if (tracked == nullptr) return int64_t{0};
  HL_ASSIGN(TableState * state, StateOf(*tracked));
  int64_t added = 0;
  for (const change::Row& row : rows.images) {
    image_.assign(row.begin(), row.end());
    key_.clear();
    for (const uint32_t position : tracked->table.key_positions) key_.push_back(image_[position]);
    HL_ASSIGN(const auto version, state->writer.FindVersion(key_));
    if (version) continue;
    HL_ASSIGN(const auto present, state->writer.ReadRow(key_));
    if (present) continue;
    HL_TRY(Show(state));
    if (tracked->in_references) HL_TRY(capture::Touch(db_, *tracked, key_));
    ++added;
  }
  return added;
}

Result<int64_t> Applier::WriteAnew(const std::vector<AbsentRow>& rows, const Clock& clock) {
  int64_t written = 0;
  for (const AbsentRow& row : rows) {
    const capture::TrackedTable* tracked = catalog_.ById(row.table);
    if (tracked == nullptr) continue;
    HL_ASSIGN(TableState * state, StateOf(*tracked));
    HL_ASSIGN(const bool unchanged, IsUnchanged(row, state));
    if (!unchanged) continue;
    HL_TRY(capture::Append(db_, *tracked, key_, clock));
    ++written;
  }
  return written;
}

}  // namespace harmonylite::apply
