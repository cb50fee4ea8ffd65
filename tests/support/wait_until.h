// Waiting for a condition with a deadline: the only way tests wait.
#pragma once

#include <chrono>
#include <thread>

namespace harmonylite::test {

// Generous, so that no test fails on a slow machine; one that works returns at once.
constexpr std::chrono::milliseconds kPatience{30000};

// True once `condition()` is; false when it was not before the deadline.
template <typename Condition>
bool WaitUntil(Condition&& condition, std::chrono::milliseconds patience = kPatience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace harmonylite::test
