// What a connection calls while it writes: a listener to its write lock, and a helper that moves
// the pages of the WAL into the file.
//
// Threads: both are called on the connection's thread.
#pragma once

#include "base/result.h"

namespace harmonylite::sqlite {

// kRead fixes its snapshot at once. The other two take the write lock at once; kUpkeep is for work
// that nobody waits for, such as folding.
enum class TransactionKind { kRead, kWrite, kUpkeep };

// Learns when its connection takes the write lock and gives it back. Called on the connection's
// thread.
class WriteLockListener {
 public:
  virtual ~WriteLockListener() = default;
  // The connection is about to ask for the lock, for a transaction of this kind. The transaction
  // does not begin if this fails, and fails likewise. If the lock is refused, Ended() follows and
  // Locked() does not.
  virtual Status BeforeLock(TransactionKind kind) = 0;
  virtual void Locked() = 0;
  // Called every millisecond or so while statements of the connection run, in a transaction or not.
  virtual void Working() {}
  // A commit has given the lock back, and other connections may take it. What the commit still has
  // to do, such as moving pages from the WAL into the file, happens after this call. A transaction
  // that wrote nothing, or was rolled back, does not cause this call.
  virtual void Released() = 0;
  // A transaction is over, committed or rolled back, including the work that follows a commit. This
  // is called at the end of read transactions, too.
  virtual void Ended() = 0;
};

// Moves the pages of the WAL into the file so that a committing connection need not do it. Called
// on that connection's thread.
class CheckpointTaker {
 public:
  virtual ~CheckpointTaker() = default;
  // The WAL holds `pages` pages, which is enough for a commit to move them. Returns true if the
  // taker sees to it, and false if the commit must do it.
  virtual bool Take(int pages) = 0;
};

}  // namespace harmonylite::sqlite
