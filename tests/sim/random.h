// The one source of chance in a simulated history. Equal seeds give equal numbers on every machine
// and with every standard library.
//
// The generator is splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
// generators", 2014).
#pragma once

#include <cstdint>

namespace harmonylite::sim {

// The whole state of a splitmix64 generator is one number. A generator is therefore cheap to make,
// and every step of a history begins with a new one.
constexpr uint64_t kGolden = 0x9E3779B97F4A7C15ull;
constexpr uint64_t Mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// The seed of part number `index` of a whole that has the seed `seed`: of a history in a campaign,
// or of a step in a history. The seeds of neighbouring parts are unrelated.
inline uint64_t SeedOf(uint64_t seed, uint64_t index) { return Mixed(seed + index * kGolden); }

class Random {
 public:
  // The seed is mixed once more. Otherwise the numbers drawn from Random(seed) would be
  // SeedOf(seed, 1), SeedOf(seed, 2) and so on, which are the seeds of other generators.
  explicit Random(uint64_t seed) : state_(Mixed(~seed)) {}

  uint64_t Next() { return Mixed(state_ += kGolden); }
  // A number in [0, limit). The distributions of the standard library are not used, because they
  // differ from one library to another.
  int64_t Below(int64_t limit) {
    return static_cast<int64_t>(Next() % static_cast<uint64_t>(limit));
  }
  int64_t Between(int64_t least, int64_t most) { return least + Below(most - least + 1); }
  bool Chance(double probability) {
    return static_cast<double>(Next() >> 11) * 0x1.0p-53 < probability;
  }

 private:
  uint64_t state_;
};

}  // namespace harmonylite::sim
