// Counts how often histories took each rare path. A simulation that never meets a fault proves
// nothing, so sim_test demands that certain counts are not zero.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace harmonylite::sim {

class Sometimes {
 public:
  void Note(const std::string& what, int64_t times = 1) { counts_[what] += times; }
  void Add(const Sometimes& other) {
    for (const auto& [what, count] : other.counts_) counts_[what] += count;
  }
  int64_t Count(const std::string& what) const {
    const auto it = counts_.find(what);
    return it == counts_.end() ? 0 : it->second;
  }
  const std::map<std::string, int64_t>& counts() const { return counts_; }

 private:
  std::map<std::string, int64_t> counts_;
};

}  // namespace harmonylite::sim
