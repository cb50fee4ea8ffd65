// Waits for short moments, for a thread that watches for something which lasts only microseconds.
//
// A sleep, however short, takes tens of microseconds. So the thread does not sleep when its owner
// says so, or as long as the time that it spends awake is a small share of all time.
// Threads: one.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace harmonylite::node {

class ShortPause {
 public:
  void Wait(bool stay_awake) {
    const Time::time_point now = Time::now();
    const auto passed = now - last_;
    last_ = now;
    credit_ = std::clamp<Time::duration>(credit_ + passed / kShare, -kMostCredit, kMostCredit);
    if (awake_ && passed < kOneLook) credit_ -= passed;
    awake_ = stay_awake || credit_ > Time::duration::zero();
    if (!awake_) std::this_thread::sleep_for(kSleep);
  }

 private:
  using Time = std::chrono::steady_clock;
  // The thread may be awake for one in so many parts of all time.
  static constexpr int kShare = 20;
  // For how long the thread may be awake after a long time without.
  static constexpr std::chrono::milliseconds kMostCredit{5};
  // Two calls with more time between them are two waits.
  static constexpr std::chrono::microseconds kOneLook{200};
  static constexpr std::chrono::microseconds kSleep{20};

  Time::time_point last_{};
  Time::duration credit_{};
  bool awake_ = false;  // true: the last call did not sleep
};

}  // namespace harmonylite::node
