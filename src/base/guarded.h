// A value with a mutex: its one writer changes it, and others read copies.
#pragma once

#include <mutex>

namespace harmonylite {

// Threads: all methods may be called from any thread.
template <typename Value>
class Guarded {
 public:
  Value Get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  // Calls `change` with the value. It must not use the same Guarded.
  template <typename Change>
  void Update(const Change& change) {
    const std::lock_guard lock(mutex_);
    change(value_);
  }

 private:
  mutable std::mutex mutex_;
  Value value_;
};

}  // namespace harmonylite
