// Shows how far work on a snapshot is: a bar on a terminal, now and then a line in a log.
//
// Threads: one owner; the activity is another's.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "snapshot/activity.h"

namespace harmonylite::cli {

class Progress {
 public:
  // The bar goes to standard error, if that is a terminal. None of these is owned.
  Progress(const snapshot::Activity* activity, const Clock* clock, Logger* logger);
  ~Progress();

  // Call it several times a second. `waiting_for`: shown while nothing moves.
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
  int64_t phase_ms_ = 0;  // monotonic: when the phase began
  int64_t line_ms_ = 0;   // … when the last line was written
  size_t width_ = 0;      // of what stands on the terminal now
};

}  // namespace harmonylite::cli
