// Sees to it that no transaction of the application fails because of one of ours (P8): each of our
// write transactions waits for a moment in which the application is in none, and keeps the
// database's door (sqlite/door.h) closed until its end.
//
// The wait is bounded. After kApplyPatienceMs, or kUpkeepPatienceMs for work that nobody waits for,
// the transaction goes ahead with the door open, which is counted. A transaction that takes longer
// than kLongestClosedMs opens the door on the way, because connections of the application are
// waiting in front of it.
//
// Source: docs/decisions/0035-the-door.md. Threads: the thread that uses the connection; counts()
// may be called by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.h"
#include "sqlite/connection.h"
#include "sqlite/door.h"
#include "sqlite/hooks.h"

namespace harmonylite::node {

// How long transactions wait for the application, in milliseconds.
constexpr int64_t kApplyPatienceMs = 200;
constexpr int64_t kUpkeepPatienceMs = 5'000;
// One attempt of upkeep waits for so long. Then other work goes on, and a later attempt continues.
constexpr int64_t kUpkeepTurnMs = 20;
constexpr int64_t kLongestClosedMs = 250;

// How our write transactions met the application's, since the start.
struct DoorCounts {
  int64_t closed = 0;  // went ahead behind the closed door
  int64_t forced = 0;  // went ahead with the door open, because the application was never outside
  int64_t opened = 0;  // opened the door before their end
  int64_t waited_ms = 0;  // time for which they waited
};

class DoorKeeper final : public sqlite::WriteLockListener {
 public:
  // Waits for a moment, between two looks whether the application is outside; without sleeping if
  // `stay_awake`. False: this thread must not wait, and the attempt fails.
  using Pause = std::function<bool(bool stay_awake)>;

  // `db` and `clock` are not owned, and outlive the keeper.
  DoorKeeper(sqlite::Connection* db, const Clock* clock, Pause pause)
      : door_(db), clock_(clock), pause_(std::move(pause)) {}

  // A listener that is told, too: first of what happens before the lock. Null takes it away. Not
  // owned.
  void SetNext(sqlite::WriteLockListener* next) { next_ = next; }
  DoorCounts counts() const;
  // Whether the database has a door at all.
  bool has_door() const { return door_.exists(); }
  // True if a transaction of ours waited for a millisecond or more within the last `ms`.
  bool WaitedWithin(int64_t ms) const;

  // kRetryLater, passing: the application is inside a transaction, and the patience is not used up.
  Status BeforeLock(sqlite::TransactionKind kind) override;
  void Locked() override;
  void Working() override;
  void Released() override;
  void Ended() override;

 private:
  // A run of attempts that found the application inside.
  struct Wait {
    int64_t since_ms;
    int64_t newest_ms;
  };

  Status WaitForDoor(sqlite::TransactionKind kind);
  void NoteWaited(int64_t since_ms, int64_t now_ms);
  bool MustStayAwake(sqlite::DoorAnswer answer, int64_t now_ms, int64_t half_ms);

  sqlite::Door door_;
  const Clock* clock_;
  const Pause pause_;
  sqlite::WriteLockListener* next_ = nullptr;
  std::optional<Wait> apply_wait_;
  std::optional<Wait> upkeep_wait_;
  int64_t closed_ms_ = 0;  // monotonic time at which the door was last closed; 0: never
  std::optional<int64_t> writing_since_ms_;  // since when the application is met writing
  std::optional<int64_t> waited_at_ms_;  // monotonic time at which a wait of some length last ended
  std::atomic<int64_t> closed_{0};
  std::atomic<int64_t> forced_{0};
  std::atomic<int64_t> opened_{0};
  std::atomic<int64_t> waited_ms_{0};
};

}  // namespace harmonylite::node
