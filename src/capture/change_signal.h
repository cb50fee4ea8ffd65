// Wakes the publisher when the database's files change, so that a new change is looked for at once.
//
// The signal only makes replication faster. The truth is PRAGMA data_version, which the publisher
// looks at anyway. The signal uses inotify on the folder of the database, and never opens the
// database's files.
// Threads: one thread calls Wait and Pause; any thread may call Interrupt.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace harmonylite::capture {

class ChangeSignal {
 public:
  // If inotify cannot be used, because the file system lacks it or a limit is reached, Wait waits
  // for its whole time.
  explicit ChangeSignal(const std::string& db_path);
  ChangeSignal(const ChangeSignal&) = delete;
  ChangeSignal& operator=(const ChangeSignal&) = delete;
  ~ChangeSignal();

  // True if file events come. If they do not, only looking at the database tells whether it
  // changed.
  bool watching() const { return inotify_ >= 0; }
  // Waits for at most the given time. Returns true if the database's files were written to, or if
  // Interrupt was called. The transaction that wrote them may not be committed yet.
  bool Wait(std::chrono::microseconds most);
  // Waits for at most the given time, whatever is written. Returns true if Interrupt was called.
  bool Pause(std::chrono::microseconds most);
  // Ends the Wait or Pause that is running, or else the next one.
  void Interrupt();

 private:
  // Reads all file events. Returns true if one of them concerns the database or its WAL, or if
  // events were lost.
  bool Drain();
  // Returns true if Interrupt was called, and resets that.
  bool TakeInterrupt();

  std::string db_name_;
  int inotify_ = -1;  // owned
  int wake_ = -1;     // owned; an eventfd that Interrupt writes to
};

}  // namespace harmonylite::capture
