#include "node/replication/door_keeper.h"

#include "base/mutant.h"

namespace harmonylite::node {

namespace {

using sqlite::TransactionKind;

// A transaction that has written for longer than this may go on for long.
constexpr int64_t kNearMs = 2;
// An application that was outside within this time is taken to be outside again and again.
constexpr int64_t kMomentsMs = 5'000;
// A run of attempts is over if none was made for so long.
constexpr int64_t kForgetWaitMs = 1'000;

}  // namespace

DoorCounts DoorKeeper::counts() const {
  return {closed_.load(), forced_.load(), opened_.load(), waited_ms_.load()};
}

bool DoorKeeper::WaitedWithin(int64_t ms) const {
  return waited_at_ms_ && clock_->MonotonicMs() - *waited_at_ms_ <= ms;
}

void DoorKeeper::NoteWaited(int64_t since_ms, int64_t now_ms) {
  if (now_ms == since_ms) return;
  waited_ms_ += now_ms - since_ms;
  waited_at_ms_ = now_ms;
}

Status DoorKeeper::BeforeLock(TransactionKind kind) {
  if (next_ != nullptr) HL_TRY(next_->BeforeLock(kind));
  if (HL_MUTANT(door_left_open)) return Ok();
  return WaitForDoor(kind);
}

// The moment between two transactions may last for only a few microseconds. It is near if the
// application has just begun to write. And in the second half of the patience it must not be
// missed, if there are such moments at all.
bool DoorKeeper::MustStayAwake(sqlite::DoorAnswer answer, int64_t now_ms, int64_t half_ms) {
  if (answer != sqlite::DoorAnswer::kAnotherWrites)
    writing_since_ms_.reset();
  else if (!writing_since_ms_)
    writing_since_ms_ = now_ms;
  const bool near = writing_since_ms_ && now_ms - *writing_since_ms_ <= kNearMs;
  const bool has_moments = closed_ms_ != 0 && now_ms - closed_ms_ <= kMomentsMs;
  return near || (now_ms >= half_ms && has_moments);
}

Status DoorKeeper::WaitForDoor(TransactionKind kind) {
  const bool upkeep = kind == TransactionKind::kUpkeep;
  std::optional<Wait>& wait = upkeep ? upkeep_wait_ : apply_wait_;
  const int64_t began = clock_->MonotonicMs();
  if (wait && began - wait->newest_ms > kForgetWaitMs) wait.reset();
  const int64_t since = wait ? wait->since_ms : began;
  const int64_t give_up = since + (upkeep ? kUpkeepPatienceMs : kApplyPatienceMs);
  const int64_t turn = upkeep ? began + kUpkeepTurnMs : give_up;
  while (true) {
    const sqlite::DoorAnswer answer = door_.TryClose();
    if (answer == sqlite::DoorAnswer::kClosed) break;
    const int64_t now = clock_->MonotonicMs();
    wait = Wait{since, now};
    if (now >= give_up) {
      wait.reset();
      NoteWaited(began, now);
      ++forced_;
      return Ok();
    }
    if (now < turn && pause_(MustStayAwake(answer, now, (since + give_up) / 2))) continue;
    NoteWaited(began, now);
    return MakeError(ErrorCode::kRetryLater, "the application is inside a transaction").Passing();
  }
  wait.reset();
  const int64_t now = clock_->MonotonicMs();
  NoteWaited(began, now);
  if (!door_.closed()) return Ok();
  closed_ms_ = now;
  ++closed_;
  return Ok();
}

void DoorKeeper::Locked() {
  if (next_ != nullptr) next_->Locked();
}

void DoorKeeper::Working() {
  if (!door_.closed() || clock_->MonotonicMs() - closed_ms_ <= kLongestClosedMs) return;
  door_.Open();
  ++opened_;
}

void DoorKeeper::Released() {
  door_.Open();
  if (next_ != nullptr) next_->Released();
}

void DoorKeeper::Ended() {
  door_.Open();
  if (next_ != nullptr) next_->Ended();
}

}  // namespace harmonylite::node
