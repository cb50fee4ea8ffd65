// A WAL index as all connections of this process use it, and the door that closes it to other
// processes.
//
// While the door is closed, no other process can begin a transaction, and none is inside one on the
// current state: a transaction of another process that has read, and writes later, would fail if we
// committed in between (SQLITE_BUSY_SNAPSHOT), and no busy handler would be called. A connection
// that wants to begin meanwhile is retried inside SQLite, with pauses from microseconds to
// milliseconds, and begins on the new state.
//
// The operating system gives locks to processes. While the door is closed, it holds all of the read
// marks for us, so the locks that our own connections take on them are only counted here, and reach
// the operating system when the door is opened.
//
// A process that stays on an older state could not write any more anyway, and does not keep the
// door open.
//
// Threads: all. Every method holds the index's mutex.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "sqlite/read_marks.h"

struct sqlite3_file;

namespace harmonylite::sqlite {

enum class DoorAnswer {
  kClosed,
  kOthersInside,
  kAnotherWrites,  // another process is inside and has the write lock, so its end is near
};

class WalIndex {
 public:
  // One connection's share of the index.
  class User {
   public:
    // `file` is SQLite's own open file, and not owned.
    explicit User(sqlite3_file* file) : file_(file) {}

   private:
    friend class WalIndex;
    // Bits of SQLite's eight locks.
    struct Locks {
      unsigned shared = 0;
      unsigned exclusive = 0;
      unsigned all() const { return shared | exclusive; }
    };
    sqlite3_file* file_;
    Locks held_;    // what SQLite believes that the connection holds
    Locks passed_;  // what the VFS below knows of it
  };

  explicit WalIndex(std::unique_ptr<ReadMarkLocks> locks) : locks_(std::move(locks)) {}

  void Add(User* user);
  // The user's locks are given back first, as SQLite's VFS does.
  void Remove(User* user);
  // The first region of the index, which SQLite maps. It stays mapped while there is a user.
  void SetHeader(volatile void* header);

  // The VFS's xShmLock. Returns SQLite's code.
  int Lock(User* user, int first, int count, int flags);

  // Closes the door, unless another process is in a transaction on the present state or is moving
  // pages of the WAL, or the door is closed already. Never waits.
  DoorAnswer TryClose();
  // Opens the door. Call after TryClose() closed it.
  void Open();

 private:
  int Pass(User* user, unsigned locks, int flags);
  int PassRun(User* user, int first, int count, int flags);
  bool MayTake(unsigned locks, bool exclusive) const;
  OwnHold Passed(int mark) const;
  // True if the header is mapped and has the layout that is known here.
  bool KnowsHeader() const;
  uint32_t Header(size_t at) const;
  bool IsStale(int mark) const;
  void NoteTaken(int mark);
  bool LeadsNewcomers() const;
  bool TakeMarks();
  bool TakeOrPassOver();
  void ReturnMarks();
  bool ReturnMark(int mark);

  std::mutex mutex_;
  std::unique_ptr<ReadMarkLocks> locks_;
  std::vector<User*> users_;  // not owned
  // The header, in units of 32 bits. Not owned; null until it is mapped.
  uint32_t* header_ = nullptr;
  unsigned closed_ = 0;     // bits of the locks that are ours alone at the moment
  bool is_closed_ = false;  // the door is closed
};

}  // namespace harmonylite::sqlite
