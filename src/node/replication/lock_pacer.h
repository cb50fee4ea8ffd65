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

class LockPacer final : public sqlite::WriteLockListener {
 public:
  // Whether the application has written lately; if so, the gaps are longer.
  void SetLocalWriters(bool local_writers) { local_writers_ = local_writers; }
  // True during a gap. Work that does not need the write lock may be done meanwhile.
  bool waiting() const { return std::chrono::steady_clock::now() < free_until_; }

  void BeforeLock() override;  // sleeps for the rest of the gap
  void Locked() override;
  void Released() override;
  void Ended() override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  void BeginGap();

  bool local_writers_ = false;
  std::optional<TimePoint> locked_at_;  // when the present transaction got the lock; none: no lock
  bool released_ = false;               // true once the present transaction has released the lock
  TimePoint free_until_{};              // end of the gap
};

}  // namespace harmonylite::node
