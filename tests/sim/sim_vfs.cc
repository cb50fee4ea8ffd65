#include "sim/sim_vfs.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/result.h"

namespace harmonylite::sim {

namespace {

constexpr int64_t kJulianUnixEpochMs = 210'866'760'000'000;  // 1970-01-01 as Julian milliseconds
constexpr int kSectorSize = 4'096;

// An open file. SQLite provides the memory and calls no constructor, so a member that needs one is
// held through a pointer.
struct Handle {
  sqlite3_file base;
  SimDisk* disk;
  std::shared_ptr<DiskFile>* file;  // owned by the handle; Close() deletes it
  int lock;
  unsigned shm_shared;
  unsigned shm_exclusive;
  DiskFile* get() const { return file->get(); }
};

Handle* Of(sqlite3_file* file) { return reinterpret_cast<Handle*>(file); }

int WriteError(const Handle& handle) {
  return handle.disk->fault() == DiskFault::kFull && !handle.disk->dead() ? SQLITE_FULL
                                                                          : SQLITE_IOERR_WRITE;
}

// --- Bytes ---

int Read(sqlite3_file* file, void* out, int amount, sqlite3_int64 offset) {
  Handle* handle = Of(file);
  if (!handle->disk->MayRead()) return SQLITE_IOERR_READ;
  const size_t there = handle->get()->bytes.Read(
      static_cast<size_t>(offset), static_cast<size_t>(amount), static_cast<char*>(out));
  if (there == static_cast<size_t>(amount)) return SQLITE_OK;
  std::memset(static_cast<char*>(out) + there, 0, static_cast<size_t>(amount) - there);
  return SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
  Handle* handle = Of(file);
  if (!handle->disk->MayWrite()) return WriteError(*handle);
  handle->disk->Write(handle->get(), static_cast<size_t>(offset),
                      {static_cast<const char*>(data), static_cast<size_t>(amount)});
  return SQLITE_OK;
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  Handle* handle = Of(file);
  if (!handle->disk->MayWrite()) return SQLITE_IOERR_TRUNCATE;
  handle->disk->Cut(handle->get(), static_cast<size_t>(size));
  return SQLITE_OK;
}

int Sync(sqlite3_file* file, int) {
  Handle* handle = Of(file);
  if (!handle->disk->MayWrite()) return SQLITE_IOERR_FSYNC;
  handle->disk->Sync(handle->get());
  return SQLITE_OK;
}

int FileSize(sqlite3_file* file, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(Of(file)->get()->bytes.size());
  return SQLITE_OK;
}

// --- Locks ---

bool TakenByOther(const void* holder, const Handle* handle) {
  return holder != nullptr && holder != handle;
}

int Unlock(sqlite3_file* file, int level) {
  Handle* handle = Of(file);
  DiskFile* disk_file = handle->get();
  if (handle->lock <= level) return SQLITE_OK;
  for (const void** holder : {&disk_file->reserved, &disk_file->pending, &disk_file->exclusive})
    if (*holder == handle) *holder = nullptr;
  if (level == SQLITE_LOCK_NONE) --disk_file->shared;
  handle->lock = level;
  return SQLITE_OK;
}

int Lock(sqlite3_file* file, int level) {
  Handle* handle = Of(file);
  DiskFile* disk_file = handle->get();
  if (handle->lock >= level) return SQLITE_OK;
  if (!handle->disk->MayLock()) return SQLITE_BUSY;
  if (TakenByOther(disk_file->exclusive, handle) || TakenByOther(disk_file->pending, handle))
    return SQLITE_BUSY;
  if (level == SQLITE_LOCK_SHARED) {
    ++disk_file->shared;
  } else if (TakenByOther(disk_file->reserved, handle)) {
    return SQLITE_BUSY;
  } else if (level == SQLITE_LOCK_RESERVED) {
    disk_file->reserved = handle;
  } else {
    disk_file->pending = handle;
    handle->lock = SQLITE_LOCK_PENDING;
    if (disk_file->shared > 1) return SQLITE_BUSY;
    disk_file->exclusive = handle;
  }
  handle->lock = level;
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file* file, int* out) {
  *out = Of(file)->get()->reserved != nullptr;
  return SQLITE_OK;
}

int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int SectorSize(sqlite3_file*) { return kSectorSize; }
int DeviceCharacteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

// --- The WAL index ---

int ShmMap(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  auto& shm = Of(file)->get()->shm;
  *out = nullptr;
  const auto wanted = static_cast<size_t>(region);
  if (wanted >= shm.size() && extend == 0) return SQLITE_OK;
  while (shm.size() <= wanted) shm.push_back(std::make_unique<char[]>(static_cast<size_t>(size)));
  *out = shm[wanted].get();
  return SQLITE_OK;
}

int ShmLock(sqlite3_file* file, int first, int count, int flags) {
  Handle* handle = Of(file);
  auto& locks = handle->get()->shm_locks;
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  if ((flags & SQLITE_SHM_LOCK) != 0 && !handle->disk->MayLock()) return SQLITE_BUSY;
  for (int i = first; i < first + count; ++i) {
    const unsigned mask = 1u << i;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      if ((handle->shm_exclusive & mask) != 0) locks[i] = 0;
      if ((handle->shm_shared & mask) != 0) --locks[i];
      handle->shm_exclusive &= ~mask;
      handle->shm_shared &= ~mask;
      continue;
    }
    if (exclusive ? locks[i] != 0 && (handle->shm_exclusive & mask) == 0 : locks[i] < 0)
      return SQLITE_BUSY;
  }
  if ((flags & SQLITE_SHM_UNLOCK) != 0) return SQLITE_OK;
  for (int i = first; i < first + count; ++i) {
    const unsigned mask = 1u << i;
    if (exclusive) {
      locks[i] = -1;
      handle->shm_exclusive |= mask;
    } else if ((handle->shm_shared & mask) == 0) {
      ++locks[i];
      handle->shm_shared |= mask;
    }
  }
  return SQLITE_OK;
}

void ShmBarrier(sqlite3_file*) {}

int ShmUnmap(sqlite3_file* file, int remove) {
  Handle* handle = Of(file);
  ShmLock(file, 0, static_cast<int>(handle->get()->shm_locks.size()), SQLITE_SHM_UNLOCK);
  if (remove != 0) handle->get()->shm.clear();
  return SQLITE_OK;
}

int Close(sqlite3_file* file) {
  Handle* handle = Of(file);
  Unlock(file, SQLITE_LOCK_NONE);
  delete handle->file;
  return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods = {2,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Unlock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         DeviceCharacteristics,
                                         ShmMap,
                                         ShmLock,
                                         ShmBarrier,
                                         ShmUnmap,
                                         nullptr,
                                         nullptr};

}  // namespace

SimVfs::SimVfs(std::string name, const Clock* clock, SimDisk* disk, uint64_t seed)
    : name_(std::move(name)), clock_(clock), disk_(disk), random_(seed) {
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(Handle);
  vfs_.mxPathname = 512;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = Open;
  vfs_.xDelete = Delete;
  vfs_.xAccess = Access;
  vfs_.xFullPathname = FullPathname;
  vfs_.xRandomness = Randomness;
  vfs_.xSleep = Sleep;
  vfs_.xCurrentTime = CurrentTime;
  vfs_.xGetLastError = GetLastError;
  vfs_.xCurrentTimeInt64 = CurrentTimeInt64;
  HL_CHECK(sqlite3_vfs_register(&vfs_, /*makeDflt=*/0) == SQLITE_OK);
}

SimVfs::~SimVfs() { sqlite3_vfs_unregister(&vfs_); }

int SimVfs::Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
  SimDisk* disk = Of(vfs)->disk_;
  Of(vfs)->last_error_ = 0;
  std::memset(file, 0, sizeof(Handle));
  std::shared_ptr<DiskFile> found;
  if (path == nullptr) {
    found = std::make_shared<DiskFile>();  // a temporary file, which only this handle can reach
  } else {
    found = disk->Find(path);
    if (found == nullptr && (flags & SQLITE_OPEN_CREATE) == 0) {
      Of(vfs)->last_error_ = ENOENT;
      return SQLITE_CANTOPEN;
    }
    if (found == nullptr && !disk->MayWrite()) return SQLITE_CANTOPEN;
    if (found == nullptr) found = disk->Create(path);
  }
  Handle* handle = reinterpret_cast<Handle*>(file);
  handle->base.pMethods = &kMethods;
  handle->disk = disk;
  handle->file = new std::shared_ptr<DiskFile>(std::move(found));
  if (out != nullptr) *out = flags;
  return SQLITE_OK;
}

int SimVfs::Delete(sqlite3_vfs* vfs, const char* path, int) {
  SimDisk* disk = Of(vfs)->disk_;
  if (disk->Find(path) == nullptr) return SQLITE_IOERR_DELETE_NOENT;
  if (!disk->MayWrite()) return SQLITE_IOERR_DELETE;
  disk->Remove(path);
  return SQLITE_OK;
}

int SimVfs::Access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
  const auto file = Of(vfs)->disk_->Find(path);
  // SQLite's own VFS also reports an empty file as absent, so that an empty WAL counts as none.
  *out = file != nullptr && (flags != SQLITE_ACCESS_EXISTS || !file->bytes.empty());
  return SQLITE_OK;
}

int SimVfs::FullPathname(sqlite3_vfs*, const char* path, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", path);
  return SQLITE_OK;
}

int SimVfs::Randomness(sqlite3_vfs* vfs, int size, char* out) {
  for (int i = 0; i < size; ++i) out[i] = static_cast<char>(Of(vfs)->random_.Next());
  return size;
}

int SimVfs::Sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int SimVfs::CurrentTime(sqlite3_vfs* vfs, double* out) {
  sqlite3_int64 ms = 0;
  CurrentTimeInt64(vfs, &ms);
  *out = static_cast<double>(ms) / 86'400'000.0;
  return SQLITE_OK;
}

int SimVfs::CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* out) {
  *out = Of(vfs)->clock_->WallMs() + kJulianUnixEpochMs;
  return SQLITE_OK;
}

int SimVfs::GetLastError(sqlite3_vfs* vfs, int, char*) { return Of(vfs)->last_error_; }

void SeedSqlite(uint64_t seed) {
  // The seed must not be zero, which would make SQLite take one from the operating system.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(seed | 1), nullptr);
}

}  // namespace harmonylite::sim
