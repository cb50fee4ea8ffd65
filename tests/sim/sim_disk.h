// A machine's disk in memory: files with the locks and the shared memory that SQLite's VFS needs,
// and the ways in which disks fail. Writes that are not synced yet are kept one by one, so that a
// power cut can drop any part of them.
//
// Creating and deleting a file is durable at once, because SQLite syncs the folder where it depends
// on that.
// Threads: one.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/random.h"
#include "sim/sim_bytes.h"

namespace harmonylite::sim {

// One write or truncation that is not synced yet.
struct Unsynced {
  size_t offset;
  std::string after;  // the bytes written; empty: the file was cut at `offset`
};

struct DiskFile {
  Bytes bytes;                     // as every handle reads them
  Bytes synced;                    // as they were at the last sync
  std::vector<Unsynced> unsynced;  // the writes that lead from `synced` to `bytes`, in their order

  // SQLite's five-level file lock: how many handles share it, and which handle holds each higher
  // level. The pointers are only compared, never dereferenced.
  int shared = 0;
  const void* reserved = nullptr;
  const void* pending = nullptr;
  const void* exclusive = nullptr;

  // The WAL index: the regions that all handles of the file share, and SQLite's eight locks. A lock
  // is -1 while it is held exclusively, and otherwise the number of handles that share it.
  std::vector<std::unique_ptr<char[]>> shm;
  std::array<int, 8> shm_locks{};
};

enum class DiskFault {
  kNone,
  kError,       // writes fail for a while
  kFull,        // writes fail for a while because the disk is full
  kPowerLoss,   // nothing works any more, and unsynced data may be lost
  kUnreadable,  // reads fail for a while
  kBusy,        // locks cannot be taken for a while, as if another process held them
};

class SimDisk {
 public:
  // Contents of a database file and its companions, by suffix: "", "-wal" and "-journal".
  using Files = std::map<std::string, Bytes>;

  // `database` is the path of the file that Copy() and AfterPowerLoss() read.
  SimDisk(std::string database, uint64_t seed) : database_(std::move(database)), random_(seed) {}

  std::shared_ptr<DiskFile> Find(const std::string& path) const;
  std::shared_ptr<DiskFile> Create(const std::string& path);
  void Remove(const std::string& path) { files_.erase(path); }

  // Each of these three says whether the next call of its kind succeeds, and counts that call for
  // the planned fault. MayWrite() must be asked before every sync and every change of a file.
  bool MayWrite();
  bool MayRead() { return !dead() && (fault_ != DiskFault::kUnreadable || Passes()); }
  bool MayLock() { return fault_ != DiskFault::kBusy || Passes(); }
  // Makes all reads and writes fail from now on. What is left on the disk is of no interest any
  // more.
  void Stop() { after_power_loss_.emplace(); }
  bool dead() const { return after_power_loss_.has_value(); }
  void Write(DiskFile* file, size_t offset, std::string_view bytes);
  void Cut(DiskFile* file, size_t size);
  void Sync(DiskFile* file);
  void SyncAll();

  // Plans `fault` for the `after`-th call of its kind from now: a read for kUnreadable, a lock for
  // kBusy, a write or sync for all others. `calls` calls fail, then the disk works again; only
  // kPowerLoss is final.
  void PlanFault(DiskFault fault, int64_t after, int64_t calls);
  DiskFault fault() const { return fault_; }
  // True if the planned fault has begun since PlanFault().
  bool faulted() const { return faulted_; }
  void ForgetFault();

  // The database and its companions as they are now, as an operator who copies the files gets them.
  Files Copy() const;
  // Replaces the file at `path` and its companions by `files`, and makes a dead disk work again.
  // Handles that are open keep the old files.
  void Put(const std::string& path, const Files& files);
  // What is left of the database if the power is cut now, or what was left when the planned fault
  // cut it.
  Files AfterPowerLoss();

 private:
  bool Passes();

  const std::string database_;
  std::map<std::string, std::shared_ptr<DiskFile>> files_;
  Random random_;
  DiskFault fault_ = DiskFault::kNone;
  int64_t until_fault_ = 0;  // calls of the fault's kind until it begins
  int64_t fault_calls_ = 0;  // calls that still fail once the fault has begun
  bool faulted_ = false;
  std::optional<Files> after_power_loss_;  // has a value while the disk is dead
};

}  // namespace harmonylite::sim
