// Makes a history that breaks a promise small: fewer nodes, fewer kinds of faults, fewer steps, as long as the same
// promise breaks.
#pragma once

#include <string>
#include <vector>

#include "sim/runner.h"

namespace harmonylite::sim {

// Longer than any history's phase of safety.
inline constexpr size_t kMostSteps = 1'000;

struct Small {
  HistoryOptions options;  // `keep` points to `steps`
  std::vector<bool> steps;
  std::string violation;   // empty: the history broke nothing
  int64_t tries = 0;
};

// Tells on standard output how it goes. The result must not be copied or moved while its options are used.
void Shrink(Runner* runner, uint64_t seed, int64_t most_tries, Small* out);

// "3,7,9-12", and back.
std::string StepsText(const std::vector<bool>& steps);
bool ParseSteps(const std::string& text, std::vector<bool>* out);

}  // namespace harmonylite::sim
