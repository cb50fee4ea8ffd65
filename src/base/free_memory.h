// The heap and the system's memory.
#pragma once

#include <malloc.h>

#include <cstdint>

namespace harmonylite {

// Rows worked on that leave so much that it is worth giving back: a million leave 30 MB.
inline constexpr int64_t kRowsWorthReturning = 50'000;

// Gives back what the heap keeps for later: after work that needed much of it and will not come again soon. Some 100 us.
inline void ReturnFreeMemory() { ::malloc_trim(0); }

}  // namespace harmonylite
