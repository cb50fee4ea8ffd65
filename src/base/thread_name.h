// Sets properties of the calling thread: its name, as `top -H` and `perf` show it, its priority,
// and how exactly it wakes.
#pragma once

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace harmonylite {

// Names the calling thread. `name` has at most 15 bytes; the system refuses a longer one, and
// nothing changes.
inline void NameThisThread(const char* name) { pthread_setname_np(pthread_self(), name); }

// Lowers the priority of the calling thread, and of the threads that it starts later, below all
// normal ones. It is for long work in the background.
inline void LowerThisThreadsPriority() {
  constexpr int kNice = 10;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

// Lets waits of the calling thread end on time: by default the kernel may extend each by up to 50
// µs.
inline void WakeThisThreadOnTime() {
  constexpr unsigned long kSlackNs = 1'000;
  ::prctl(PR_SET_TIMERSLACK, kSlackNs);
}

}  // namespace harmonylite
