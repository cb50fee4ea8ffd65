// Private to src/adapters/hooks: runs a command once, or touches a file.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/hooks/schedule.h"
#include "base/clock.h"
#include "base/ids.h"

namespace harmonylite::hooks {

struct RunEnd {
  std::string failure;   // empty: the run has succeeded
  std::string said;      // the end of the command's output, as one line
  bool stopped = false;  // the run has failed because this process ends
};

// Returns the environment of a command: what it is told, and those variables of this process that
// every program needs. Others may hold passwords, so they are left out.
std::vector<std::string> CommandEnvironment(const Rows& rows, const std::string& database,
                                            NodeId node);

// Runs a program to its end. argv[0] is a path, or a name that is looked up in the folders of
// `environment`'s PATH. The command and all that it has started is ended when it takes longer than
// `timeout_ms`, or when the monotonic time `*stop_by_ms` has come, which may change meanwhile.
RunEnd RunCommand(const std::vector<std::string>& argv, std::vector<std::string> environment,
                  int64_t timeout_ms, const std::atomic<int64_t>& stop_by_ms, const Clock& clock);

// Makes the file if it is absent, and sets the time of its last change to now. Fails for a link.
RunEnd TouchFile(const std::string& path);

}  // namespace harmonylite::hooks
