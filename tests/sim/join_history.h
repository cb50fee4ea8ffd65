// Histories of first joins: files that had rows of their own, or empty tables, or are copies, join
// a cluster, while their applications write and sidecars crash.
//
// These histories have an application and checks of their own. The other checkers know only rows
// with versions, and rows from before HarmonyLite have none.
// Threads: one, as simulation.h says.
#pragma once

#include <cstdint>

#include "sim/simulation.h"

namespace harmonylite::sim {

// True if the history of this seed is one of first joins.
bool DrawsFirstJoin(const HistoryOptions& options);
HistoryReport RunJoinHistory(const HistoryOptions& options);

}  // namespace harmonylite::sim
