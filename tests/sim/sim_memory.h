// SQLite's allocator in the simulator. It is fast because it serves one thread, and it can make
// planned allocations fail.
//
// Threads: one. UseSimMemory() also configures SQLite for use by a single thread.
#pragma once

#include <cstdint>

namespace harmonylite::sim {

// Installs the allocator for the whole process. The first call must come before the process opens
// its first connection; further calls do nothing.
void UseSimMemory();

// Makes allocations fail, beginning with allocation number `after` from now (the next one is number
// 1), until `calls` of them have failed or ForgetMemoryFault() ends the plan.
void PlanMemoryFault(int64_t after, int64_t calls);
// Ends the plan. Returns true if at least one allocation has failed since the plan was made.
bool ForgetMemoryFault();

}  // namespace harmonylite::sim
