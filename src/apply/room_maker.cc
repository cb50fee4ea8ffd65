#include "apply/room_maker.h"

#include <utility>

#include "apply/table_ddl.h"

namespace harmonylite::apply {

const ledger::TrackedTable* RoomMaker::Keeper(int64_t table_id) const {
  const ledger::TrackedTable* tracked = catalog_.ById(table_id);
  return tracked == nullptr || tracked->table.identity ? nullptr : tracked;
}

Result<bool> RoomMaker::MakeRoom(const schema::ObjectRow& index, const std::string& sql) {
  const schema::ObjectId owner{schema::ObjectKind::kTable, index.table};
  const auto seen = present_.find(owner);
  const auto wanted = wanted_.find(owner);
  if (seen == present_.end() || wanted == wanted_.end()) return false;
  const ledger::TrackedTable* tracked = Keeper(seen->second.table_id);
  if (tracked == nullptr) return false;
  auto clashing = TakeOutClashing(db_, wanted->second, index, sql);
  if (!clashing.ok() && clashing.error().code() == ErrorCode::kRetryLater)
    return std::move(clashing).error();
  if (!clashing.ok()) return false;
  Note(*tracked, std::move(*clashing));
  return true;
}

void RoomMaker::Note(const ledger::TrackedTable& tracked, std::vector<ClashingRow> rows) {
  for (ClashingRow& row : rows) {
    if (tracked.table.rowid_key) {
      row.image.columns.push_back(tracked.table.columns.front());
      row.image.values.push_back(std::move(row.place.front()));
    }
    rows_[tracked.id].push_back(std::move(row.image));
  }
}

}  // namespace harmonylite::apply
