// Leaves the write lock of a database alone between our own transactions, so that the application gets it.
//
// Source: docs/decisions/0024. Threads: those of its connection.
#pragma once

#include <chrono>
#include <optional>

#include "sqlite/connection.h"

namespace harmonylite::node {

class LockPacer final : public sqlite::WriteLockListener {
 public:
  // The application writes at this time: it gets more room.
  void SetLocalWriters(bool local_writers) { local_writers_ = local_writers; }
  // The lock is to be left alone; work that does not need it may be done.
  bool waiting() const { return std::chrono::steady_clock::now() < free_until_; }

  void BeforeLock() override;  // sleeps as long as is left
  void Locked() override;
  void Released() override;
  void Ended() override;

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  void BeginGap();

  bool local_writers_ = false;
  std::optional<TimePoint> locked_at_;  // of the transaction under way
  bool released_ = false;               // … which has let go of the lock
  TimePoint free_until_{};
};

}  // namespace harmonylite::node
