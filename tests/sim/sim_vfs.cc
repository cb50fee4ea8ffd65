#include "sim/sim_vfs.h"

#include "base/result.h"

namespace harmonylite::sim {

namespace {

constexpr int64_t kJulianUnixEpochMs = 210'866'760'000'000;  // 1970-01-01 in SQLite's milliseconds

}  // namespace

SimVfs::SimVfs(std::string name, const Clock* clock, uint64_t seed)
    : name_(std::move(name)), clock_(clock), random_(seed), base_(sqlite3_vfs_find(nullptr)) {
  HL_CHECK(base_ != nullptr);
  vfs_.iVersion = 2;
  vfs_.szOsFile = base_->szOsFile;
  vfs_.mxPathname = base_->mxPathname;
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
  sqlite3_vfs* base = Of(vfs)->base_;
  return base->xOpen(base, path, file, flags, out);
}

int SimVfs::Delete(sqlite3_vfs* vfs, const char* path, int sync) {
  sqlite3_vfs* base = Of(vfs)->base_;
  return base->xDelete(base, path, sync);
}

int SimVfs::Access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
  sqlite3_vfs* base = Of(vfs)->base_;
  return base->xAccess(base, path, flags, out);
}

int SimVfs::FullPathname(sqlite3_vfs* vfs, const char* path, int size, char* out) {
  sqlite3_vfs* base = Of(vfs)->base_;
  return base->xFullPathname(base, path, size, out);
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

int SimVfs::GetLastError(sqlite3_vfs* vfs, int size, char* out) {
  sqlite3_vfs* base = Of(vfs)->base_;
  return base->xGetLastError == nullptr ? 0 : base->xGetLastError(base, size, out);
}

void SeedSqlite(uint64_t seed) {
  // Zero would mean: from the operating system.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(seed | 1), nullptr);
}

}  // namespace harmonylite::sim
