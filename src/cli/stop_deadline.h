// Ends the process if stopping takes too long, for example because NATS accepts connections but
// never answers. Nothing is lost by that: everything that matters is in the database, and the
// embedded server ends with this process.
//
// Threads: one owner; a thread of its own waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/logger.h"
#include "config/command_line.h"

namespace harmonylite::cli {

class StopDeadline {
 public:
  // The process ends with `code`, the same as if it had stopped in time: a failure that made it
  // stop stays one. `logger` is not owned.
  StopDeadline(std::chrono::milliseconds within, config::ExitCode code, Logger* logger);
  StopDeadline(const StopDeadline&) = delete;
  StopDeadline& operator=(const StopDeadline&) = delete;
  // Stopping has ended in time.
  ~StopDeadline();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace harmonylite::cli
