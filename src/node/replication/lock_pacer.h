// Leaves a gap after each of our own write transactions, so that the application gets the write
// lock soon (P8). It is attached to the consumer's connection, which reports each step of a
// transaction.
//
// Source: docs/decisions/0024-where-batches-are-cut.md. Threads: the thread that uses the
// connection.
#pragma once

#include <chrono>
#include <optional>

#include "sqlite/hooks.h"

namespace harmonylite::node {

// How the application has used the database lately.
enum class LocalUse {
  kNone,   // not that we know
  kShort,  // it has written
  kLong,   // it was inside transactions for so long that ours had to wait
};

class LockPacer final : public sqlite::WriteLockListener {
 public:
  // Decides how long the gaps are.
  void SetLocalUse(LocalUse use) { use_ = use; }
  // True during a gap. Work that does not need the write lock may be done meanwhile.
  bool waiting() const { return std::chrono::steady_clock::now() < free_until_; }

  // Sleeps for the rest of the gap. Never fails.
  Status BeforeLock(sqlite::TransactionKind kind) override;
  void Locked() override;
  void Released() override;
  void Ended() override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  void BeginGap();

  LocalUse use_ = LocalUse::kNone;
  std::optional<TimePoint> locked_at_;  // when the present transaction got the lock; none: no lock
  bool released_ = false;               // true once the present transaction has released the lock
  TimePoint free_until_{};              // end of the gap
};

}  // namespace harmonylite::node
