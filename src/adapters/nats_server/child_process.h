// Private to src/adapters/nats_server: one child process whose output we read line by line.
//
// The child gets SIGTERM when the *thread* that spawned it ends (also when this process is killed),
// so that thread must live as long as the child should. It inherits no file descriptor but those
// given.
// Threads: one at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace harmonylite::nats_server {

class ChildProcess {
 public:
  // argv[0] is the path of the program. `inherit_fd`: stays open in the child (-1: none).
  static Result<ChildProcess> Spawn(const std::vector<std::string>& argv, int inherit_fd);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Kills a child that still runs.
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // Appends complete lines of its stdout and stderr, waiting up to `wait` for some; returns early
  // when `wake_fd` becomes readable (-1: none). False: the output has ended.
  bool ReadLines(std::chrono::milliseconds wait, int wake_fd, std::vector<std::string>* lines);
  // True: it has ended (and is reaped).
  bool HasEnded();
  // What it ended with, for messages: "exit code 1", "signal 9". Empty while it runs.
  const std::string& how_it_ended() const { return how_; }
  bool succeeded() const { return succeeded_; }
  // SIGTERM, then SIGKILL after `grace`; returns when it is gone.
  void End(std::chrono::milliseconds grace);

 private:
  ChildProcess(pid_t pid, int output) : pid_(pid), output_(output) {}
  void SplitLines(std::vector<std::string>* lines);
  void Signal(int signal);

  pid_t pid_;   // -1: moved from
  int output_;  // owned; -1: closed
  std::string partial_;
  bool ended_ = false;
  bool succeeded_ = false;
  std::string how_;
};

}  // namespace harmonylite::nats_server
