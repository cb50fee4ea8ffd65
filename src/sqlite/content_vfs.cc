#include "sqlite/content_vfs.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "sqlite/vfs_calls.h"

namespace harmonylite::sqlite {

// An open file, as SQLite sees it. A file with a null `vfs` is a journal, which is always empty.
struct ContentVfs::File {
  sqlite3_file base;
  ContentVfs* vfs;
};

struct ContentVfs::Calls {
  static ContentVfs* Of(sqlite3_vfs* vfs) { return static_cast<ContentVfs*>(vfs->pAppData); }
  static ContentVfs* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file)->vfs; }

  static int Result(ContentVfs* vfs, const Status& status, int error) {
    if (status.ok()) return SQLITE_OK;
    if (vfs->failure_.empty()) vfs->failure_ = status.error().message();
    return error;
  }

  // --- Methods of a file ---

  static int Close(sqlite3_file*) { return SQLITE_OK; }

  static int Read(sqlite3_file* file, void* out, int length, sqlite3_int64 offset) {
    ContentVfs* vfs = Of(file);
    const uint64_t size = vfs == nullptr ? 0 : vfs->content_->size();
    const auto at = static_cast<uint64_t>(offset);
    const auto wanted = static_cast<size_t>(length);
    const size_t there =
        at >= size ? 0 : static_cast<size_t>(std::min<uint64_t>(size - at, wanted));
    if (there > 0) {
      const int rc =
          Result(vfs, vfs->content_->Read(at, static_cast<char*>(out), there), SQLITE_IOERR_READ);
      if (rc != SQLITE_OK) return rc;
    }
    if (there == wanted) return SQLITE_OK;
    std::memset(static_cast<char*>(out) + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
  }

  static int Write(sqlite3_file* file, const void* bytes, int length, sqlite3_int64 offset) {
    ContentVfs* vfs = Of(file);
    if (vfs == nullptr) return SQLITE_OK;
    const std::string_view view(static_cast<const char*>(bytes), static_cast<size_t>(length));
    return Result(vfs, vfs->content_->Write(static_cast<uint64_t>(offset), view), SQLITE_FULL);
  }

  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    ContentVfs* vfs = Of(file);
    if (vfs == nullptr) return SQLITE_OK;
    return Result(vfs, vfs->content_->Truncate(static_cast<uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
  }

  static int Sync(sqlite3_file*, int) { return SQLITE_OK; }

  static int Size(sqlite3_file* file, sqlite3_int64* out) {
    ContentVfs* vfs = Of(file);
    *out = vfs == nullptr ? 0 : static_cast<sqlite3_int64>(vfs->content_->size());
    return SQLITE_OK;
  }

  static int Lock(sqlite3_file*, int) { return SQLITE_OK; }
  static int IsLocked(sqlite3_file*, int* out) {
    *out = 0;
    return SQLITE_OK;
  }
  static int Control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int SectorSize(sqlite3_file*) { return 4096; }
  static int Characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  // --- Methods of the VFS ---

  static int Open(sqlite3_vfs* self, const char* name, sqlite3_file* file, int flags,
                  int* out_flags) {
    ContentVfs* vfs = Of(self);
    const bool database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
    const bool journal = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0;
    if ((flags & SQLITE_OPEN_WAL) != 0) return SQLITE_CANTOPEN;
    if (!database && !journal) return vfs->base_->xOpen(vfs->base_, name, file, flags, out_flags);
    static const sqlite3_io_methods kMethods = {
        1,       Close,    Read,    Write,      Truncate,        Sync,    Size,    Lock,
        Lock,    IsLocked, Control, SectorSize, Characteristics, nullptr, nullptr, nullptr,
        nullptr, nullptr,  nullptr};
    auto* opened = reinterpret_cast<File*>(file);
    opened->base.pMethods = &kMethods;
    opened->vfs = database ? vfs : nullptr;
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  }

  static int Delete(sqlite3_vfs*, const char*, int) { return SQLITE_OK; }
  static int Access(sqlite3_vfs*, const char*, int, int* out) {
    *out = 0;  // There is never a journal or a WAL to recover from.
    return SQLITE_OK;
  }
  static int FullPathname(sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", name);
    return SQLITE_OK;
  }
  static int Randomness(sqlite3_vfs* self, int size, char* out) {
    sqlite3_vfs* base = Of(self)->base_;
    return base->xRandomness(base, size, out);
  }
  static int Sleep(sqlite3_vfs* self, int us) {
    sqlite3_vfs* base = Of(self)->base_;
    return base->xSleep(base, us);
  }
  static int CurrentTime(sqlite3_vfs* self, double* out) {
    sqlite3_vfs* base = Of(self)->base_;
    return base->xCurrentTime(base, out);
  }
  static int LastError(sqlite3_vfs*, int, char*) { return 0; }
};

ContentVfs::ContentVfs(FileContent* content)
    : content_(content), base_(sqlite3_vfs_find(nullptr)), vfs_(std::make_unique<sqlite3_vfs>()) {
  static std::atomic<uint64_t> count{0};
  name_ = fmt::format("harmonylite-content-{}", ++count);
  HL_CHECK(base_ != nullptr);
  vfs_->iVersion = 1;
  vfs_->szOsFile = std::max<int>(base_->szOsFile, static_cast<int>(sizeof(File)));
  vfs_->mxPathname = base_->mxPathname;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  UseCalls<Calls>(vfs_.get());
  HL_CHECK(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK);
}

ContentVfs::~ContentVfs() { sqlite3_vfs_unregister(vfs_.get()); }

}  // namespace harmonylite::sqlite
