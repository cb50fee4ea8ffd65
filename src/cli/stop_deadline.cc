#include "cli/stop_deadline.h"

#include <unistd.h>

namespace harmonylite::cli {

StopDeadline::StopDeadline(std::chrono::milliseconds within, config::ExitCode code, Logger* logger)
    : thread_([this, within, code, logger] {
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, within, [this] { return done_; })) return;
        logger->Warning("NATS does not answer: ending without waiting for it");
        ::_exit(static_cast<int>(code));
      }) {}

StopDeadline::~StopDeadline() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

}  // namespace harmonylite::cli
