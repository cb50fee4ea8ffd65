#include "sqlite/door_vfs.h"

#include <sqlite3.h>

#include <optional>

#include "base/result.h"
#include "sqlite/vfs_calls.h"
#include "sqlite/wal_index.h"

namespace harmonylite::sqlite {

// A database file, as SQLite sees it. The file of the VFS below follows it in SQLite's memory.
struct DoorVfs::File {
  sqlite3_file base;
  sqlite3_io_methods methods;  // ours, without those that the file below lacks
  DoorVfs* vfs;                // not owned
  struct State {
    std::string path;
    std::optional<WalIndex::User> user;
    std::shared_ptr<WalIndex> index;  // null while the connection has not mapped it
  };
  State* state;  // owned; Close() deletes it
};

struct DoorVfs::Calls {
  static DoorVfs* Of(sqlite3_vfs* vfs) { return static_cast<DoorVfs*>(vfs->pAppData); }
  static File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
  static sqlite3_file* Below(sqlite3_file* file) {
    return reinterpret_cast<sqlite3_file*>(Of(file) + 1);
  }
  static const sqlite3_io_methods& Methods(sqlite3_file* file) { return *Below(file)->pMethods; }

  // --- Methods of a file ---

  static int Close(sqlite3_file* file) {
    const int rc = Methods(file).xClose(Below(file));
    delete Of(file)->state;
    return rc;
  }
  static int Read(sqlite3_file* file, void* out, int length, sqlite3_int64 offset) {
    return Methods(file).xRead(Below(file), out, length, offset);
  }
  static int Write(sqlite3_file* file, const void* bytes, int length, sqlite3_int64 offset) {
    return Methods(file).xWrite(Below(file), bytes, length, offset);
  }
  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    return Methods(file).xTruncate(Below(file), size);
  }
  static int Sync(sqlite3_file* file, int flags) { return Methods(file).xSync(Below(file), flags); }
  static int Size(sqlite3_file* file, sqlite3_int64* out) {
    return Methods(file).xFileSize(Below(file), out);
  }
  static int Lock(sqlite3_file* file, int level) { return Methods(file).xLock(Below(file), level); }
  static int Unlock(sqlite3_file* file, int level) {
    return Methods(file).xUnlock(Below(file), level);
  }
  static int IsLocked(sqlite3_file* file, int* out) {
    return Methods(file).xCheckReservedLock(Below(file), out);
  }
  static int Control(sqlite3_file* file, int operation, void* argument) {
    return Methods(file).xFileControl(Below(file), operation, argument);
  }
  static int SectorSize(sqlite3_file* file) { return Methods(file).xSectorSize(Below(file)); }
  static int Characteristics(sqlite3_file* file) {
    return Methods(file).xDeviceCharacteristics(Below(file));
  }
  static int ShmMap(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
    DoorVfs* vfs = Of(file)->vfs;
    File::State* state = Of(file)->state;
    const std::lock_guard lock(vfs->mutex_);
    const int rc = Methods(file).xShmMap(Below(file), region, size, extend, out);
    if (rc != SQLITE_OK || region != 0) return rc;
    if (state->index == nullptr && (state->index = vfs->FindIndex(state->path)) != nullptr) {
      state->user.emplace(Below(file));
      state->index->Add(&*state->user);
    }
    if (state->index != nullptr && *out != nullptr) state->index->SetHeader(*out);
    return rc;
  }
  static int ShmLock(sqlite3_file* file, int first, int count, int flags) {
    File::State* state = Of(file)->state;
    if (state->index == nullptr) return Methods(file).xShmLock(Below(file), first, count, flags);
    return state->index->Lock(&*state->user, first, count, flags);
  }
  static void ShmBarrier(sqlite3_file* file) { Methods(file).xShmBarrier(Below(file)); }
  static int ShmUnmap(sqlite3_file* file, int remove) {
    File::State* state = Of(file)->state;
    const std::lock_guard lock(Of(file)->vfs->mutex_);
    if (state->index != nullptr) state->index->Remove(&*state->user);
    const int rc = Methods(file).xShmUnmap(Below(file), remove);
    state->user.reset();
    state->index.reset();
    return rc;
  }
  static int Fetch(sqlite3_file* file, sqlite3_int64 offset, int length, void** out) {
    return Methods(file).xFetch(Below(file), offset, length, out);
  }
  static int Unfetch(sqlite3_file* file, sqlite3_int64 offset, void* page) {
    return Methods(file).xUnfetch(Below(file), offset, page);
  }

  // --- Methods of the VFS ---

  static sqlite3_vfs* Below(sqlite3_vfs* vfs) { return Of(vfs)->below_; }

  static int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
    sqlite3_vfs* below = Below(vfs);
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0 || name == nullptr)
      return below->xOpen(below, name, file, flags, out);
    file->pMethods = nullptr;
    const int rc = below->xOpen(below, name, Below(file), flags, out);
    if (rc != SQLITE_OK) return rc;
    const sqlite3_io_methods& theirs = Methods(file);
    const bool has_index = theirs.iVersion >= 2 && theirs.xShmMap != nullptr;
    const bool maps_pages = theirs.iVersion >= 3 && theirs.xFetch != nullptr;
    Of(file)->methods = {theirs.iVersion < 3 ? theirs.iVersion : 3,
                         Close,
                         Read,
                         Write,
                         Truncate,
                         Sync,
                         Size,
                         Lock,
                         Unlock,
                         IsLocked,
                         Control,
                         SectorSize,
                         Characteristics,
                         has_index ? ShmMap : nullptr,
                         has_index ? ShmLock : nullptr,
                         has_index ? ShmBarrier : nullptr,
                         has_index ? ShmUnmap : nullptr,
                         maps_pages ? Fetch : nullptr,
                         maps_pages ? Unfetch : nullptr};
    Of(file)->vfs = Of(vfs);
    Of(file)->state = new File::State{name, std::nullopt, nullptr};
    file->pMethods = &Of(file)->methods;
    return SQLITE_OK;
  }
  static int Delete(sqlite3_vfs* vfs, const char* name, int sync) {
    return Below(vfs)->xDelete(Below(vfs), name, sync);
  }
  static int Access(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
    return Below(vfs)->xAccess(Below(vfs), name, flags, out);
  }
  static int FullPathname(sqlite3_vfs* vfs, const char* name, int size, char* out) {
    return Below(vfs)->xFullPathname(Below(vfs), name, size, out);
  }
  static int Randomness(sqlite3_vfs* vfs, int size, char* out) {
    return Below(vfs)->xRandomness(Below(vfs), size, out);
  }
  static int Sleep(sqlite3_vfs* vfs, int us) { return Below(vfs)->xSleep(Below(vfs), us); }
  static int CurrentTime(sqlite3_vfs* vfs, double* out) {
    return Below(vfs)->xCurrentTime(Below(vfs), out);
  }
  static int LastError(sqlite3_vfs* vfs, int size, char* out) {
    return Below(vfs)->xGetLastError(Below(vfs), size, out);
  }
  static int CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* out) {
    return Below(vfs)->xCurrentTimeInt64(Below(vfs), out);
  }
};

DoorVfs::DoorVfs(std::string name, const std::string& below, ReadMarkSource* marks)
    : name_(std::move(name)),
      marks_(marks),
      below_(sqlite3_vfs_find(below.empty() ? nullptr : below.c_str())),
      vfs_(std::make_unique<sqlite3_vfs>()) {
  HL_CHECK(below_ != nullptr && below_->iVersion >= 2);
  vfs_->iVersion = 2;
  vfs_->szOsFile = static_cast<int>(sizeof(File)) + below_->szOsFile;
  vfs_->mxPathname = below_->mxPathname;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  UseCalls<Calls>(vfs_.get());
  vfs_->xCurrentTimeInt64 = Calls::CurrentTimeInt64;
  const bool is_default = below.empty();
  HL_CHECK(sqlite3_vfs_register(vfs_.get(), is_default ? 1 : 0) == SQLITE_OK);
}

DoorVfs::~DoorVfs() { sqlite3_vfs_unregister(vfs_.get()); }

std::shared_ptr<WalIndex> DoorVfs::FindIndex(const std::string& path) {
  const std::string key = marks_->Key(path);
  if (key.empty()) return nullptr;
  if (auto known = indexes_[key].lock()) return known;
  auto locks = marks_->Open(path, key);
  if (locks == nullptr) return nullptr;
  std::erase_if(indexes_, [](const auto& entry) { return entry.second.expired(); });
  auto index = std::make_shared<WalIndex>(std::move(locks));
  indexes_[key] = index;
  return index;
}

std::shared_ptr<WalIndex> DoorVfs::IndexOf(sqlite3_file* file) {
  if (file == nullptr || file->pMethods == nullptr || file->pMethods->xClose != Calls::Close)
    return nullptr;
  return Calls::Of(file)->state->index;
}

const std::string& FileVfs() {
  // Never destroyed: SQLite keeps it until the process ends.
  static const DoorVfs& vfs = *new DoorVfs("harmonylite", {}, new PosixReadMarks);
  return vfs.name();
}

}  // namespace harmonylite::sqlite
