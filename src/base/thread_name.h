// Names of threads, as `top -H` and `perf` show them.
#pragma once

#include <pthread.h>

namespace harmonylite {

// Of the calling thread. `name`: at most 15 bytes; a longer one is refused by the system and changes nothing.
inline void NameThisThread(const char* name) { pthread_setname_np(pthread_self(), name); }

}  // namespace harmonylite
