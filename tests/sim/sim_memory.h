// SQLite's memory in the simulator: quick for one thread, with allocations that fail when told to.
//
// Threads: one; SQLite is set to be used by one.
#pragma once

#include <cstdint>

namespace harmonylite::sim {

// For the whole process, before its first connection; again is harmless.
void UseSimMemory();

// The allocation `after` from now fails, and those behind it, until `calls` have failed or the plan is forgotten.
void PlanMemoryFault(int64_t after, int64_t calls);
// True: at least one allocation failed since the plan.
bool ForgetMemoryFault();

}  // namespace harmonylite::sim
