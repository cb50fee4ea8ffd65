// Names of threads, as `top -H` and `perf` show them, their priority, and how exactly they wake.
#pragma once

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace harmonylite {

// Of the calling thread. `name`: at most 15 bytes; a longer one is refused by the system and changes nothing.
inline void NameThisThread(const char* name) { pthread_setname_np(pthread_self(), name); }

// For long work in the background: the calling thread, and those that it starts, give way to every other one.
inline void LowerThisThreadsPriority() {
  constexpr int kNice = 10;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

// Waits of the calling thread end when they should: the kernel adds up to 50 us to each by default.
inline void WakeThisThreadOnTime() {
  constexpr unsigned long kSlackNs = 1'000;
  ::prctl(PR_SET_TIMERSLACK, kSlackNs);
}

}  // namespace harmonylite
