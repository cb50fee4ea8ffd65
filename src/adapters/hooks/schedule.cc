#include "adapters/hooks/schedule.h"

#include <algorithm>
#include <utility>

namespace harmonylite::hooks {

namespace {

constexpr int64_t kFirstPauseMs = 100;
constexpr int64_t kLongestPauseMs = 30'000;
constexpr int64_t kComplainEveryMs = 60'000;

int64_t Sum(const Rows& rows) {
  int64_t out = 0;
  for (const auto& [table, written] : rows) out += written;
  return out;
}

}  // namespace

void Schedule::Add(const Rows& rows) {
  for (const auto& [table, written] : rows) waiting_[table] += written;
}

std::optional<int64_t> Schedule::due_ms() const {
  return waiting_.empty() ? std::nullopt : std::optional(not_before_ms_);
}

Rows Schedule::Begin(int64_t now_ms) {
  not_before_ms_ = now_ms + every_ms_;
  told_ = std::exchange(waiting_, {});
  return told_;
}

void Schedule::End(bool succeeded, int64_t now_ms) {
  const Rows told = std::exchange(told_, {});
  if (succeeded) {
    failures_ = 0;
    return;
  }
  Add(told);
  int64_t pause = kFirstPauseMs;
  for (int i = 0; i < failures_ && pause < kLongestPauseMs; ++i) pause *= 2;
  not_before_ms_ = std::max(not_before_ms_, now_ms + std::min(pause, kLongestPauseMs));
  ++failures_;
}

int64_t Schedule::untold() const { return Sum(waiting_) + Sum(told_); }

int64_t Complaints::Failed(int64_t now_ms) {
  ++unsaid_;
  if (now_ms < quiet_until_ms_) return 0;
  quiet_until_ms_ = now_ms + kComplainEveryMs;
  failure_said_last_ = true;
  return std::exchange(unsaid_, 0);
}

bool Complaints::Succeeded() { return std::exchange(failure_said_last_, false); }

}  // namespace harmonylite::hooks
