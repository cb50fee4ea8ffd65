// The VFS through which SQLite reaches a simulated disk. Time, sleep and randomness come from the
// simulation as well, so CURRENT_TIMESTAMP and the stamps that triggers write are the same in every
// run of a seed.
//
// Threads: one.
#pragma once

#include <sqlite3.h>

#include <string>

#include "base/clock.h"
#include "sim/random.h"
#include "sim/sim_disk.h"

namespace harmonylite::sim {

class SimVfs {
 public:
  // The VFS is registered under `name` for as long as this object lives. `clock` and `disk` are not
  // owned and must outlive it.
  SimVfs(std::string name, const Clock* clock, SimDisk* disk, uint64_t seed);
  SimVfs(const SimVfs&) = delete;
  SimVfs& operator=(const SimVfs&) = delete;
  ~SimVfs();

  const std::string& name() const { return name_; }

 private:
  static SimVfs* Of(sqlite3_vfs* vfs) { return static_cast<SimVfs*>(vfs->pAppData); }
  static int Open(sqlite3_vfs*, const char*, sqlite3_file*, int, int*);
  static int Delete(sqlite3_vfs*, const char*, int);
  static int Access(sqlite3_vfs*, const char*, int, int*);
  static int FullPathname(sqlite3_vfs*, const char*, int, char*);
  static int Randomness(sqlite3_vfs*, int, char*);
  static int Sleep(sqlite3_vfs*, int);
  static int CurrentTime(sqlite3_vfs*, double*);
  static int CurrentTimeInt64(sqlite3_vfs*, sqlite3_int64*);
  static int GetLastError(sqlite3_vfs*, int, char*);

  const std::string name_;
  const Clock* clock_;
  SimDisk* disk_;
  Random random_;
  int last_error_ = 0;  // errno of the last Open
  sqlite3_vfs vfs_{};
};

// Restarts SQLite's own generator, which gives random() and the salts of WAL files, from `seed`. It
// is one generator for the whole process.
void SeedSqlite(uint64_t seed);

}  // namespace harmonylite::sim
