// Tells applications that their rows have changed: after rows of other nodes were written to
// certain tables, a command is run or a file is touched. An application that keeps rows in memory
// (a cache, settings, zones) can then read them again.
//
// Each hook has a thread. Between two runs, and while a run goes on, further rows are collected for
// the next one, so the last rows are always told. A failed run is repeated, with all that it was to
// tell. Neither a slow command nor a slow log keeps the caller.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/hooks/hook_options.h"
#include "base/clock.h"
#include "base/logger.h"
#include "ports/row_listener.h"

namespace harmonylite::hooks {

class Hook;  // private, adapters/hooks/hook.h

// Threads: every method may be called from any thread.
class Hooks final : public ports::RowListener {
 public:
  // `clock` and `logger` are not owned, and outlive the object.
  Hooks(std::vector<HookOptions> options, const Clock* clock, Logger* logger);
  ~Hooks() override;

  void RowsWritten(const std::map<std::string, int64_t>& rows) override;
  // Tells what is collected, and ends commands that run for more than another second. Returns
  // within two seconds. Nothing is run afterwards.
  void Stop();
  std::vector<HookState> states() const;

 private:
  const Clock* const clock_;
  std::vector<std::unique_ptr<Hook>> hooks_;
};

}  // namespace harmonylite::hooks
