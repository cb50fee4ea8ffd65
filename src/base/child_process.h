// A child process whose output is read line by line. It leads a process group of its own.
//
// The child gets SIGTERM when the *thread* that spawned it ends, also when this process is killed,
// so that thread must live as long as the child should. The child inherits no file descriptor
// except the one that is given, and reads nothing from stdin.
//
// Threads: one at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite {

struct ChildOptions {
  std::vector<std::string> argv = {};  // argv[0] is the path of the program
  // Stays open in the child, as number 3; -1: none.
  int inherit_fd = -1;
  // The child's environment, each entry as NAME=value. None: this process's own.
  std::optional<std::vector<std::string>> environment = {};
};

class ChildProcess {
 public:
  // kInvalidArgument: the program cannot be run; the message says why. kRetryLater: the system has
  // no room for another process at the moment.
  static Result<ChildProcess> Spawn(const ChildOptions& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Kills a child that still runs, with its group.
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // Appends complete lines of the child's stdout and stderr to `lines`, and waits up to `wait` for
  // some. Returns early when `wake_fd` becomes readable (-1 for none), and when much was read.
  // Returns false once the output has ended.
  bool ReadLines(std::chrono::milliseconds wait, int wake_fd, std::vector<std::string>* lines);
  // Returns whether the child has ended; if so, it has been reaped. What it has started goes on.
  bool HasEnded();
  // How the child ended, as text for messages: "exit code 1", "signal 9". Empty while it runs.
  const std::string& how_it_ended() const { return how_; }
  // True if the child has ended with exit code 0.
  bool succeeded() const { return succeeded_; }
  // Sends SIGTERM to the child's group, and SIGKILL after `grace`, or when the child and its output
  // have ended; returns when the child is gone. A child that had ended before is left alone, and so
  // is what it has started.
  void End(std::chrono::milliseconds grace);

 private:
  ChildProcess(pid_t pid, int output) : pid_(pid), output_(output) {}
  void SplitLines(std::vector<std::string>* lines);
  // True if the child has ended, reaped or not.
  bool IsOver() const;
  void NoteEnd(int status);

  pid_t pid_;   // -1 after a move from this object
  int output_;  // read end of the output pipe, owned; -1 when closed
  std::string partial_;
  bool ended_ = false;  // the child is reaped
  bool succeeded_ = false;
  std::string how_;
};

// Returns the path of a program. A name with a slash is a path already; any other is looked up in
// the folders of `path`, which are separated by colons. None: there is no such program.
std::optional<std::string> FindProgram(const std::string& name, std::string_view path);

}  // namespace harmonylite
