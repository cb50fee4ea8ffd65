// Shows how far the work on a snapshot has come: as a bar on a terminal, or now and then as a line
// in the log.
//
// Threads: one owner; the thread that works writes to the activity.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "snapshot/activity.h"

namespace harmonylite::cli {

class Progress {
 public:
  // The bar goes to standard error, if that is a terminal. The arguments are not owned.
  Progress(const snapshot::Activity* activity, const Clock* clock, Logger* logger);
  ~Progress();

  // Shows the current state; to be called several times a second. `waiting_for` is shown while
  // nothing moves.
  void Show(const std::string& waiting_for = {});

 private:
  std::string Text(bool bar) const;
  void Erase();

  const snapshot::Activity* activity_;
  const Clock* clock_;
  Logger* logger_;
  const bool terminal_;
  snapshot::Phase phase_ = snapshot::Phase::kWaiting;
  std::string waiting_for_;
  int64_t phase_ms_ = 0;  // monotonic time when the phase began
  int64_t line_ms_ = 0;   // monotonic time when the last line was written
  size_t width_ = 0;      // columns of the text that stands on the terminal now
};

}  // namespace harmonylite::cli
