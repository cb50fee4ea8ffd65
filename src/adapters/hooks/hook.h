// Private to src/adapters/hooks: one hook, and the thread that runs it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "adapters/hooks/command.h"
#include "adapters/hooks/hook_options.h"
#include "adapters/hooks/schedule.h"
#include "base/clock.h"
#include "base/logger.h"

namespace harmonylite::hooks {

// Threads: the public methods may be called from any thread.
class Hook {
 public:
  // `clock` and `logger` are not owned.
  Hook(HookOptions options, const Clock* clock, Logger* logger);
  ~Hook();

  // Collects those of the rows that the hook is about. Never waits for a run.
  void Add(const Rows& rows);
  // Lets the run that is under way, and one for what is collected, go on until the monotonic time
  // `by_ms`. Returns at once.
  void StopBy(int64_t by_ms);
  // Waits until the thread has ended, after StopBy().
  void Join();
  HookState state() const;

 private:
  void Main();
  // Waits until a run is due, and returns what it has to tell. None: the thread is to end.
  std::optional<Rows> AwaitDue();
  RunEnd Run(const Rows& rows) const;
  void Finish(const RunEnd& end);
  void Say(const RunEnd& end, int64_t failures, bool works_again) const;

  const HookOptions options_;
  const Clock* const clock_;
  Logger* const logger_;
  const std::string name_;  // for messages

  mutable std::mutex mutex_;  // guards the members down to state_; never held during a run
  std::condition_variable changed_;
  Schedule schedule_;
  Complaints complaints_;
  HookState state_;
  std::atomic<int64_t> stop_by_ms_;  // written while mutex_ is held
  std::mutex join_mutex_;            // guards joining thread_
  std::thread thread_;
};

}  // namespace harmonylite::hooks
