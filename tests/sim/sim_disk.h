// A machine's disk in memory: files with locks and shared memory as SQLite's VFS needs them, and the ways in which
// disks fail. What was written but not synced is known, write by write, so that a power cut can drop any part of it.
//
// Creating and deleting a file is durable at once: SQLite syncs folders where that matters to it.
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
  std::string after;  // empty: the file was cut here
};

struct DiskFile {
  Bytes bytes;
  Bytes synced;
  std::vector<Unsynced> unsynced;  // what lies between the two

  // SQLite's five-level lock: who holds what (handles are compared, never followed).
  int shared = 0;
  const void* reserved = nullptr;
  const void* pending = nullptr;
  const void* exclusive = nullptr;

  // The WAL index: pages every handle sees, and SQLite's eight locks (-1: exclusive, else holders).
  std::vector<std::unique_ptr<char[]>> shm;
  std::array<int, 8> shm_locks{};
};

enum class DiskFault {
  kNone,
  kError,      // writes fail for a while
  kFull,       // … because there is no room
  kPowerLoss,  // nothing works any more, and unsynced data may be lost
  kUnreadable, // reads fail for a while
  kBusy,       // locks are somebody else's for a while
};

class SimDisk {
 public:
  using Files = std::map<std::string, Bytes>;  // contents by suffix: "", "-wal", …

  // `database`: the file that copies and power cuts are about.
  SimDisk(std::string database, uint64_t seed) : database_(std::move(database)), random_(seed) {}

  std::shared_ptr<DiskFile> Find(const std::string& path) const;
  std::shared_ptr<DiskFile> Create(const std::string& path);
  void Remove(const std::string& path) { files_.erase(path); }

  // False: this call fails, see fault(). Every change of a file or sync asks first.
  bool MayWrite();
  bool MayRead() { return !dead() && (fault_ != DiskFault::kUnreadable || Passes()); }
  bool MayLock() { return fault_ != DiskFault::kBusy || Passes(); }
  // Nothing works any more; nobody will look at what is left.
  void Stop() { after_power_loss_.emplace(); }
  bool dead() const { return after_power_loss_.has_value(); }
  void Write(DiskFile* file, size_t offset, std::string_view bytes);
  void Cut(DiskFile* file, size_t size);
  void Sync(DiskFile* file);
  void SyncAll();

  // The fault begins with the `after`-th write (read, lock) from now and lasts for `calls` of them.
  void PlanFault(DiskFault fault, int64_t after, int64_t calls);
  DiskFault fault() const { return fault_; }
  // A planned fault has happened since it was planned.
  bool faulted() const { return faulted_; }
  void ForgetFault();

  // What the database and its WAL hold, as a copying operator would see them.
  Files Copy() const;
  // Puts files in the place of `path` and its WAL. Handles that are open stay with the old ones.
  void Put(const std::string& path, const Files& files);
  // What is left of the database after the power is cut now, or was cut by the planned fault.
  Files AfterPowerLoss();

 private:
  bool Passes();

  const std::string database_;
  std::map<std::string, std::shared_ptr<DiskFile>> files_;
  Random random_;
  DiskFault fault_ = DiskFault::kNone;
  int64_t until_fault_ = 0;  // writes, reads or locks
  int64_t fault_calls_ = 0;  // that fail from then on
  bool faulted_ = false;
  std::optional<Files> after_power_loss_;
};

}  // namespace harmonylite::sim
