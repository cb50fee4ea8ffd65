// Campaigns: many histories, spread over several processes. A history that ends its process (by a
// broken invariant or a sanitizer's report) is a violation like any other, and the campaign goes on
// with the next history in a new process.
#pragma once

#include <cstdint>

#include "sim/runner.h"

namespace harmonylite::sim {

struct CampaignOptions {
  uint64_t seed = 1;
  uint64_t histories = 1000;
  int64_t jobs = 1;
  FaultMix only;                 // see HistoryOptions::only
  int64_t most_violations = 20;  // a process stops after this many violations
};

struct CampaignResult {
  uint64_t histories = 0;
  int64_t violations = 0;
  double seconds = 0;
  Sometimes sometimes;  // without the counts of a process that a history ended
};

// Runs a campaign, and prints each violation with the seed of its history when it is found.
CampaignResult RunCampaign(Runner* runner, const CampaignOptions& options);

// Runs one history in a process of its own. If the history ends the process, the violation says so.
// Of the report, only the violation, the steps and the trace are filled in.
HistoryReport RunApart(Runner* runner, const HistoryOptions& options);

}  // namespace harmonylite::sim
