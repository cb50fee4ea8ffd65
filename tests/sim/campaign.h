// Many histories over several processes. A history that ends its process (a broken invariant, a sanitizer) is a
// violation like another: the campaign goes on behind it.
#pragma once

#include <cstdint>

#include "sim/runner.h"

namespace harmonylite::sim {

struct CampaignOptions {
  uint64_t seed = 1;
  uint64_t histories = 1000;
  int64_t jobs = 1;
  int64_t most_violations = 20;  // then each process stops
};

struct CampaignResult {
  uint64_t histories = 0;
  int64_t violations = 0;
  double seconds = 0;
  Sometimes sometimes;  // without those of a process that a history ended
};

// Prints each violation with the seed of its history as it is found.
CampaignResult RunCampaign(Runner* runner, const CampaignOptions& options);

// One history in a process of its own; the violation says so when it ended the process.
HistoryReport RunApart(Runner* runner, const HistoryOptions& options);

}  // namespace harmonylite::sim
