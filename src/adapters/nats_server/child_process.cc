#include "adapters/nats_server/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace harmonylite::nats_server {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxLine = 16 << 10;
constexpr int kExecFailed = 127;

// Runs in the child between fork and exec, where only async-signal-safe calls are allowed.
[[noreturn]] void RunChild(char* const* argv, int output, int inherit_fd, pid_t parent) {
  // The child gets a process group of its own: Ctrl-C in a terminal is meant for us, and we end the
  // child when its turn comes.
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int s : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2})
    signal(s, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(kExecFailed);  // the parent died before prctl() took effect

  const int null = open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, 0);
  dup2(output, 1);
  dup2(output, 2);
  unsigned first_to_close = 3;
  if (inherit_fd >= 0) {
    if (inherit_fd == 3)
      fcntl(3, F_SETFD, 0);
    else
      dup2(inherit_fd, 3);
    first_to_close = 4;
  }
  syscall(SYS_close_range, first_to_close, ~0U, 0);
  execv(argv[0], argv);
  _exit(kExecFailed);
}

}  // namespace

Result<ChildProcess> ChildProcess::Spawn(const std::vector<std::string>& argv, int inherit_fd) {
  std::vector<char*> pointers;
  for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0)
    return MakeError(ErrorCode::kRetryLater, "pipe: {}", strerror(errno));
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) RunChild(pointers.data(), pipe_fds[1], inherit_fd, parent);
  const int fork_error = errno;
  close(pipe_fds[1]);
  if (pid < 0) {
    close(pipe_fds[0]);
    return MakeError(ErrorCode::kRetryLater, "fork: {}", strerror(fork_error));
  }
  fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
  return ChildProcess(pid, pipe_fds[0]);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      partial_(std::move(other.partial_)),
      ended_(other.ended_),
      how_(std::move(other.how_)) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  End(milliseconds(0));
  if (output_ >= 0) close(output_);
}

bool ChildProcess::ReadLines(milliseconds wait, int wake_fd, std::vector<std::string>* lines) {
  pollfd fds[2] = {{output_, POLLIN, 0}, {wake_fd, POLLIN, 0}};
  // After a signal the caller simply calls again.
  if (poll(fds, 2, static_cast<int>(wait.count())) < 0) return true;
  if (output_ < 0) return false;
  char buffer[8192];
  while (true) {
    const ssize_t n = read(output_, buffer, sizeof buffer);
    if (n > 0) {
      partial_.append(buffer, static_cast<size_t>(n));
      SplitLines(lines);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    close(std::exchange(output_, -1));
    if (!partial_.empty()) lines->push_back(std::exchange(partial_, {}));
    return false;
  }
}

void ChildProcess::SplitLines(std::vector<std::string>* lines) {
  size_t end;
  while ((end = partial_.find('\n')) != std::string::npos) {
    lines->push_back(partial_.substr(0, end));
    partial_.erase(0, end + 1);
  }
  if (partial_.size() > kMaxLine) lines->push_back(std::exchange(partial_, {}));
}

bool ChildProcess::HasEnded() {
  if (ended_) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  ended_ = true;
  how_ = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
  return true;
}

// Never sends a signal to a pid that was reaped, because it may belong to another process by now.
void ChildProcess::Signal(int signal) {
  if (!HasEnded()) kill(pid_, signal);
}

void ChildProcess::End(milliseconds grace) {
  const Clock::time_point deadline = Clock::now() + grace;
  std::vector<std::string> ignored;
  if (grace > milliseconds(0)) Signal(SIGTERM);
  // The end of the child usually shows as the end of its output. A grandchild may keep the output
  // open, so the loop also looks every 20 ms whether the child has ended.
  while (!HasEnded() && Clock::now() < deadline) {
    ignored.clear();
    ReadLines(milliseconds(20), -1, &ignored);
  }
  Signal(SIGKILL);
  if (ended_) return;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  how_ = fmt::format("signal {}", SIGKILL);
}

}  // namespace harmonylite::nats_server
