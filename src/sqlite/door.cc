#include "sqlite/door.h"

#include <sqlite3.h>

#include "sqlite/door_vfs.h"

namespace harmonylite::sqlite {

std::shared_ptr<WalIndex> Door::FindIndex() const {
  sqlite3_file* file = nullptr;
  if (sqlite3_file_control(db_->raw(), "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK)
    return nullptr;
  return DoorVfs::IndexOf(file);
}

DoorAnswer Door::TryClose() {
  if (closed()) return DoorAnswer::kClosed;
  std::shared_ptr<WalIndex> index = FindIndex();
  if (index == nullptr) return DoorAnswer::kClosed;
  const DoorAnswer answer = index->TryClose();
  if (answer == DoorAnswer::kClosed) index_ = std::move(index);
  return answer;
}

void Door::Open() {
  if (index_ == nullptr) return;
  index_->Open();
  index_.reset();
}

}  // namespace harmonylite::sqlite
