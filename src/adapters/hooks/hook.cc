#include "adapters/hooks/hook.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "base/thread_name.h"

namespace harmonylite::hooks {

namespace {

using std::chrono::milliseconds;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

}  // namespace

Hook::Hook(HookOptions options, const Clock* clock, Logger* logger)
    : options_(std::move(options)),
      clock_(clock),
      logger_(logger),
      name_(fmt::format("hook {} ({})", options_.number,
                        options_.command.empty() ? options_.touch : options_.command[0])),
      schedule_(options_.every_ms),
      stop_by_ms_(kNever) {
  state_.number = options_.number;
  thread_ = std::thread([this] { Main(); });
}

Hook::~Hook() {
  StopBy(0);
  Join();
}

void Hook::Add(const Rows& rows) {
  Rows selected;
  for (const auto& [table, written] : rows)
    if (options_.selects(table)) selected[table] = written;
  if (selected.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    schedule_.Add(selected);
  }
  changed_.notify_one();
}

void Hook::StopBy(int64_t by_ms) {
  {
    const std::lock_guard lock(mutex_);
    stop_by_ms_.store(std::min(by_ms, stop_by_ms_.load()));
  }
  changed_.notify_one();
}

void Hook::Join() {
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

HookState Hook::state() const {
  const std::lock_guard lock(mutex_);
  HookState out = state_;
  out.untold_rows = schedule_.untold();
  return out;
}

void Hook::Main() {
  NameThisThread(fmt::format("hook {}", options_.number).c_str());
  while (const auto rows = AwaitDue()) Finish(Run(*rows));
}

// When the process ends, what is collected is told at once, but what could not be told before is
// not tried again.
std::optional<Rows> Hook::AwaitDue() {
  std::unique_lock lock(mutex_);
  while (true) {
    const int64_t now = clock_->MonotonicMs();
    const auto due = schedule_.due_ms();
    const int64_t stop_by = stop_by_ms_.load();
    const bool stopping = stop_by != kNever;
    if (stopping && (!due || schedule_.failing() || now >= stop_by)) return std::nullopt;
    if (due && (stopping || *due <= now)) return schedule_.Begin(now);
    if (due)
      changed_.wait_for(lock, milliseconds(*due - now));
    else
      changed_.wait(lock);
  }
}

RunEnd Hook::Run(const Rows& rows) const {
  if (options_.command.empty()) return TouchFile(options_.touch);
  return RunCommand(options_.command, CommandEnvironment(rows, options_.database, options_.node),
                    options_.timeout_ms, stop_by_ms_, *clock_);
}

void Hook::Finish(const RunEnd& end) {
  const bool succeeded = end.failure.empty();
  if (end.stopped) logger_->Info("{} was ended: it runs again at the next start", name_);
  int64_t failures = 0;
  bool works_again = false;
  {
    const std::lock_guard lock(mutex_);
    const int64_t now = clock_->MonotonicMs();
    schedule_.End(succeeded, now);
    if (end.stopped) return;
    ++(succeeded ? state_.runs : state_.failures);
    state_.failure = end.failure;
    if (succeeded)
      works_again = complaints_.Succeeded();
    else
      failures = complaints_.Failed(now);
  }
  // The mutex is not held here: the log may be slow, and rows must not wait for it.
  Say(end, failures, works_again);
}

void Hook::Say(const RunEnd& end, int64_t failures, bool works_again) const {
  const std::string said = end.said.empty() ? "" : "; it said: " + end.said;
  if (end.failure.empty()) logger_->Debug("{} has run{}", name_, said);
  if (works_again) logger_->Info("{} works again", name_);
  if (failures > 0)
    logger_->Warning(
        "{} failed{}: {}{}; it is tried again, with the rows that come meanwhile", name_,
        failures > 1 ? fmt::format(" {} times since this was last said", failures) : "",
        end.failure, said);
}

}  // namespace harmonylite::hooks
