// Runs histories one after the other in this process. Their databases are in memory. The runner
// owns a temporary folder, in memory too where possible, for the spools of large batches.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "sim/sim_memory.h"
#include "sim/simulation.h"

namespace harmonylite::sim {

class Runner {
 public:
  Runner() {
    UseSimMemory();
    std::string pattern =
        std::filesystem::is_directory("/dev/shm")
            ? "/dev/shm/harmonylite-sim-XXXXXX"
            : (std::filesystem::temp_directory_path() / "harmonylite-sim-XXXXXX").string();
    HL_CHECK(mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  HistoryReport Run(uint64_t seed) {
    HistoryOptions options;
    options.seed = seed;
    return Run(options);
  }
  HistoryReport Run(HistoryOptions options) {
    options.directory = root_;
    return RunHistory(options);
  }

 private:
  std::string root_;
};

}  // namespace harmonylite::sim
