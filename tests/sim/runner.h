// Runs histories one after the other. Databases are in memory; the folder is for spools of large batches.
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
    std::string pattern = std::filesystem::is_directory("/dev/shm")
                              ? "/dev/shm/harmonylite-sim-XXXXXX"
                              : (std::filesystem::temp_directory_path() / "harmonylite-sim-XXXXXX")
                                    .string();
    HL_CHECK(mkdtemp(pattern.data()) != nullptr);
    root_ = pattern;
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  ~Runner() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  HistoryReport Run(uint64_t seed, bool verbose = false) {
    return RunHistory({seed, root_, verbose});
  }

 private:
  std::string root_;
};

// The seed of history `index` in a run that began with `seed`: neighbours have nothing in common.
inline uint64_t SeedOf(uint64_t seed, uint64_t index) {
  uint64_t z = seed + index * 0x9E3779B97F4A7C15ull;  // splitmix64
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

}  // namespace harmonylite::sim
