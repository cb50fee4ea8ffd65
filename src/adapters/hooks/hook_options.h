// The settings of one hook, and what it reports about itself.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace harmonylite::hooks {

// Filled from the configuration by cli/wiring.
struct HookOptions {
  int number = 1;  // its place in the configuration; messages and metrics name it so
  // True for the tables that the hook is about. Called on the threads of Hooks::RowsWritten().
  std::function<bool(std::string_view)> selects = {};
  std::vector<std::string> command = {};  // a program and its arguments; empty: `touch` is used
  std::string touch = {};                 // path of a file
  int64_t every_ms = 1'000;               // two runs begin at least so far apart
  int64_t timeout_ms = 10'000;            // a command that takes longer is ended
  // What the command is told about its node.
  std::string database = {};  // absolute path of the application's file
  NodeId node = {};
};

// What a hook has done since the process started, for health and metrics.
struct HookState {
  int number = 0;
  int64_t runs = 0;  // runs that succeeded
  int64_t failures = 0;
  std::string failure = {};  // why the newest run failed; empty: it did not
  int64_t untold_rows = 0;   // rows that no successful run has told yet
};

}  // namespace harmonylite::hooks
