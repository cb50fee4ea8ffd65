// Waits for a condition, with a deadline. Tests wait in no other way.
#pragma once

#include <chrono>
#include <thread>

namespace harmonylite::test {

// The deadline is generous, so that no test fails on a slow machine; a test that passes returns at
// once.
constexpr std::chrono::milliseconds kPatience{30000};

// Returns true as soon as `condition()` is true, and false if it was not before the deadline.
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
