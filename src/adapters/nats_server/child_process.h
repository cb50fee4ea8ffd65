// Private to src/adapters/nats_server: one child process whose output is read line by line.
//
// The child gets SIGTERM when the *thread* that spawned it ends, also when this process is killed,
// so that thread must live as long as the child should. The child inherits no file descriptor
// except the one that is given.
//
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
  // Starts the program with the path argv[0]. `inherit_fd` stays open in the child; -1 for none.
  static Result<ChildProcess> Spawn(const std::vector<std::string>& argv, int inherit_fd);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Kills a child that still runs.
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // Appends complete lines of the child's stdout and stderr to `lines`, and waits up to `wait` for
  // some. Returns early when `wake_fd` becomes readable (-1 for none). Returns false once the
  // output has ended.
  bool ReadLines(std::chrono::milliseconds wait, int wake_fd, std::vector<std::string>* lines);
  // Returns whether the child has ended; if so, it has been reaped.
  bool HasEnded();
  // How the child ended, as text for messages: "exit code 1", "signal 9". Empty while it runs.
  const std::string& how_it_ended() const { return how_; }
  // Sends SIGTERM, and SIGKILL after `grace`; returns when the child is gone.
  void End(std::chrono::milliseconds grace);

 private:
  ChildProcess(pid_t pid, int output) : pid_(pid), output_(output) {}
  void SplitLines(std::vector<std::string>* lines);
  void Signal(int signal);

  pid_t pid_;   // -1 after a move from this object
  int output_;  // read end of the output pipe, owned; -1 when closed
  std::string partial_;
  bool ended_ = false;
  std::string how_;
};

}  // namespace harmonylite::nats_server
