// Wakes the publisher when the database's files change. Only makes it faster: the truth is
// PRAGMA data_version, which is looked at anyway.
//
// Uses inotify on the folder of the database; never opens the database's files.
// Threads: Wait by one thread; Interrupt by any.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace harmonylite::capture {

class ChangeSignal {
 public:
  // Without inotify (no such file system, limit reached) Wait just waits.
  explicit ChangeSignal(const std::string& db_path);
  ChangeSignal(const ChangeSignal&) = delete;
  ChangeSignal& operator=(const ChangeSignal&) = delete;
  ~ChangeSignal();

  // File events come; false: only looking tells.
  bool watching() const { return inotify_ >= 0; }
  // True: a file was written to, or interrupted. The write may not be visible yet.
  bool Wait(std::chrono::microseconds most);
  // Waits whatever is written; true: interrupted.
  bool Pause(std::chrono::microseconds most);
  void Interrupt();

 private:
  bool Drain();
  bool TakeInterrupt();

  std::string db_name_;
  int inotify_ = -1;  // owned
  int wake_ = -1;     // owned; an eventfd
};

}  // namespace harmonylite::capture
