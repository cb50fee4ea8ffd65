// The one source of chance in a simulated history: the same seed draws the same numbers everywhere.
#pragma once

#include <cstdint>

namespace harmonylite::sim {

// splitmix64: its state is one number, since every step of a history begins with a generator of its own.
constexpr uint64_t kGolden = 0x9E3779B97F4A7C15ull;
constexpr uint64_t Mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// The seed of the `index`-th part (history, step) of what began with `seed`: neighbours have nothing in common.
inline uint64_t SeedOf(uint64_t seed, uint64_t index) { return Mixed(seed + index * kGolden); }

class Random {
 public:
  // Mixed once more: what SeedOf gave is a state of some other generator.
  explicit Random(uint64_t seed) : state_(Mixed(~seed)) {}

  uint64_t Next() { return Mixed(state_ += kGolden); }
  // 0 … limit-1. The distributions of the standard library differ between libraries: none is used.
  int64_t Below(int64_t limit) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(limit)); }
  int64_t Between(int64_t least, int64_t most) { return least + Below(most - least + 1); }
  bool Chance(double probability) {
    return static_cast<double>(Next() >> 11) * 0x1.0p-53 < probability;
  }

 private:
  uint64_t state_;
};

}  // namespace harmonylite::sim
