// The heap and the system's memory.
#pragma once

#include <malloc.h>

namespace harmonylite {

// Gives back what the heap keeps for later: after work that needed much of it and will not come again soon. Some 100 us.
inline void ReturnFreeMemory() { ::malloc_trim(0); }

}  // namespace harmonylite
