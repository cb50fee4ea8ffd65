// Makes a history that breaks a promise small: it takes away nodes, kinds of faults and steps as
// long as the same promise breaks (docs/decisions/0010-faults-by-step.md).
#pragma once

#include <string>
#include <vector>

#include "sim/runner.h"

namespace harmonylite::sim {

// No history's phase of safety has as many steps.
inline constexpr size_t kMostSteps = 1'000;

// A small history. `options.keep` points to `steps`, so a Small must not be copied or moved while
// its options are in use.
struct Small {
  HistoryOptions options;
  std::vector<bool> steps;
  std::string violation;  // empty: the history of the seed broke nothing
  int64_t tries = 0;      // histories that were run to get here
};

// Shrinks the history of `seed` with at most `most_tries` runs. Progress is printed to standard
// output.
void Shrink(Runner* runner, uint64_t seed, int64_t most_tries, Small* out);

// Steps as text, for example "3,7,9-12", and that text as steps. ParseSteps() returns false if the
// text has another form or a step that is too large.
std::string StepsText(const std::vector<bool>& steps);
bool ParseSteps(const std::string& text, std::vector<bool>* out);

}  // namespace harmonylite::sim
