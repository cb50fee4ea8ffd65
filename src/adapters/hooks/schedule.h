// Private to src/adapters/hooks: what one hook has to tell, and when its next run begins.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace harmonylite::hooks {

// How many rows were written, by table; 0: nobody knows how many.
using Rows = std::map<std::string, int64_t>;

// Collects rows from run to run. Nothing is lost: what a failed run was to tell is told by the next
// one. Times are monotonic, in milliseconds.
class Schedule {
 public:
  // Two runs begin at least `every_ms` apart.
  explicit Schedule(int64_t every_ms) : every_ms_(every_ms) {}

  void Add(const Rows& rows);
  // When the next run may begin. None: there is nothing to tell.
  std::optional<int64_t> due_ms() const;
  // Begins a run and returns what it has to tell.
  Rows Begin(int64_t now_ms);
  // Ends the run. The pause after a failure doubles with each further one.
  void End(bool succeeded, int64_t now_ms);

  // True if the newest run has failed.
  bool failing() const { return failures_ > 0; }
  // Rows that no successful run has told yet.
  int64_t untold() const;

 private:
  const int64_t every_ms_;
  Rows waiting_;
  Rows told_;  // what the present run tells; empty between two runs
  int64_t not_before_ms_ = 0;
  int failures_ = 0;  // in a row
};

// Decides which failures are said in the log, so that a hook that fails all the time does not fill
// it.
class Complaints {
 public:
  // A run has failed. Returns how many failures to speak of: this one, and those that nobody spoke
  // of. 0: this one is not said.
  int64_t Failed(int64_t now_ms);
  // A run has succeeded. True if that is worth a word, because the last word was of a failure.
  bool Succeeded();

 private:
  int64_t quiet_until_ms_ = 0;
  int64_t unsaid_ = 0;
  bool failure_said_last_ = false;
};

}  // namespace harmonylite::hooks
