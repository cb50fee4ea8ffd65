// Returns memory that the heap no longer needs to the system. Threads: any.
#pragma once

#include <malloc.h>

#include <cstdint>

namespace harmonylite {

// Number of rows after whose handling it is worth returning memory: a million rows leave about 30
// MB in the heap.
inline constexpr int64_t kRowsWorthReturning = 50'000;

// Returns the memory that the heap keeps for later allocations. Call it after work that needed much
// memory and will not come again soon. It takes some 100 µs.
inline void ReturnFreeMemory() { ::malloc_trim(0); }

}  // namespace harmonylite
