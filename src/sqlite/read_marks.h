// The locks of a WAL index that say who is inside a transaction, as other processes see them.
//
// A connection that reads a WAL database holds one of five read marks for as long as its
// transaction lasts. A process that has all five marks for itself knows that no other process is
// inside a transaction, and keeps every other process from beginning one.
//
// Source: https://www.sqlite.org/walformat.html, "The WAL-Index File Format" and "WAL-Mode
// File-Locking". Threads: the owner of a ReadMarkLocks sees to it that one thread at a time uses
// it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace harmonylite::sqlite {

constexpr int kReadMarks = 5;

// How the connections of this process hold one mark.
struct OwnHold {
  int shared = 0;  // connections that share it
  bool exclusive = false;
};
using OwnHolds = std::array<OwnHold, kReadMarks>;

class ReadMarkLocks {
 public:
  enum class Taken { kYes, kOthersShareIt, kAnotherExcludesUs };

  virtual ~ReadMarkLocks() = default;
  // Takes a mark for this process alone. What its own connections hold is no obstacle, and is
  // forgotten by the operating system until Return(). Never waits.
  virtual Taken Take(int mark, const OwnHold& own) = 0;
  // A mark that another process holds; none: no other process holds any.
  virtual std::optional<int> HeldByOthers(const OwnHolds& own) = 0;
  // Takes all marks, or none and returns false.
  virtual bool TakeAll(const OwnHolds& own) = 0;
  // True if another process holds the write lock.
  virtual bool AnotherWrites() = 0;
  // Ends Take: other processes see from now on that this one holds the mark as `own` says. If a
  // connection is about to share it (`wanted_shared`) or to exclude others from it
  // (`wanted_exclusive`), no other process gets it in between. False: the operating system could
  // not do it, and the mark stays taken.
  virtual bool Return(int mark, const OwnHold& own, bool wanted_shared, bool wanted_exclusive) = 0;
};

// Finds the WAL index of a database.
class ReadMarkSource {
 public:
  virtual ~ReadMarkSource() = default;
  // Identifies the index that the database at `path` has at the moment; empty if it has none.
  virtual std::string Key(const std::string& path) = 0;
  // Opens the locks of the index with this key. Null if they cannot be opened: the database is then
  // used without a door.
  virtual std::unique_ptr<ReadMarkLocks> Open(const std::string& path, const std::string& key) = 0;
};

// The locks as SQLite's unix VFS takes them: POSIX locks on bytes of the file with the suffix
// "-shm".
class PosixReadMarks final : public ReadMarkSource {
 public:
  std::string Key(const std::string& path) override;
  std::unique_ptr<ReadMarkLocks> Open(const std::string& path, const std::string& key) override;
};

}  // namespace harmonylite::sqlite
