#include "base/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace harmonylite {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxLine = 16 << 10;
// Most bytes that one call of ReadLines reads, so that a child that never stops writing does not
// keep its reader.
constexpr size_t kMaxRead = 256 << 10;
constexpr int kExecFailed = 127;
constexpr int kFirstFreeFd = 3;  // after stdin, stdout and stderr

// What the child needs until exec. All of it is made before, because until then the child shares
// our memory (vfork) and may only make system calls.
struct Launch {
  char* const* argv;
  char* const* environment;
  int inherit_fd;
  int output;   // becomes stdout and stderr
  int failure;  // takes the errno of an exec that failed
  pid_t parent;
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// Marks all descriptors from `first` on, so that exec closes them. Before Linux 5.11 one call
// cannot do that.
void CloseAtExec(unsigned first) {
  if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  constexpr rlim_t kMostFds = 1 << 16;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto end = static_cast<int>(std::min(limit.rlim_cur, kMostFds));
  for (int fd = static_cast<int>(first); fd < end; ++fd) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

[[noreturn]] void FailInChild(int failure) {
  const int error = errno;
  [[maybe_unused]] const ssize_t ignored = write(failure, &error, sizeof error);
  _exit(kExecFailed);
}

[[noreturn]] void RunChild(const Launch& launch) {
  // The child gets a process group of its own: Ctrl-C in a terminal is meant for us, and we end the
  // child when its turn comes.
  setpgid(0, 0);
  for (const int s : {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2})
    signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != launch.parent) _exit(kExecFailed);  // the parent died before prctl() took effect

  const int null = open("/dev/null", O_RDONLY);
  if (null < 0) FailInChild(launch.failure);
  dup2(null, 0);
  dup2(launch.output, 1);
  dup2(launch.output, 2);
  CloseAtExec(kFirstFreeFd);
  int failure = launch.failure;
  if (launch.inherit_fd >= 0) {
    // Number 3 may be taken by the descriptor that reports a failure.
    failure = fcntl(failure, F_DUPFD_CLOEXEC, kFirstFreeFd + 1);
    if (launch.inherit_fd == kFirstFreeFd)
      fcntl(kFirstFreeFd, F_SETFD, 0);
    else
      dup2(launch.inherit_fd, kFirstFreeFd);
  }
  execve(launch.argv[0], launch.argv, launch.environment);
  FailInChild(failure);
}

// Starts the child. vfork copies no page tables, which takes fork 10 ms for 50 MiB on a small
// machine, while other threads wait for memory. This thread waits until the child has become the
// program. No handler of ours may run in the child, so signals are blocked until it has none.
pid_t Start(const Launch& launch) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = vfork();
  if (pid == 0) RunChild(launch);
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

// Waits until the child has become the program, or could not. Returns 0 or the errno of the
// failure.
int AwaitExec(int failure) {
  int error = 0;
  ssize_t n;
  do n = read(failure, &error, sizeof error);
  while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

// A pipe whose ends no program inherits. Closes what was not released.
class Pipe {
 public:
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    Close(&ends_[0]);
    Close(&ends_[1]);
  }
  bool Open() { return pipe2(ends_, O_CLOEXEC) == 0; }
  int reader() const { return ends_[0]; }
  int writer() const { return ends_[1]; }
  void CloseWriter() { Close(&ends_[1]); }
  int ReleaseReader() { return std::exchange(ends_[0], -1); }

 private:
  static void Close(int* fd) {
    if (*fd >= 0) close(std::exchange(*fd, -1));
  }
  int ends_[2] = {-1, -1};
};

bool IsProgram(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<ChildProcess> ChildProcess::Spawn(const ChildOptions& options) {
  Pipe output;
  Pipe failure;
  if (!output.Open() || !failure.Open())
    return MakeError(ErrorCode::kRetryLater, "pipe: {}", strerror(errno));
  std::vector<char*> argv = Pointers(options.argv);
  std::vector<char*> environment;
  if (options.environment) environment = Pointers(*options.environment);
  const Launch launch{argv.data(),        options.environment ? environment.data() : environ,
                      options.inherit_fd, output.writer(),
                      failure.writer(),   getpid()};
  const pid_t pid = Start(launch);
  if (pid < 0) return MakeError(ErrorCode::kRetryLater, "vfork: {}", strerror(errno));
  output.CloseWriter();
  failure.CloseWriter();
  if (const int error = AwaitExec(failure.reader()); error != 0) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
    return MakeError(ErrorCode::kInvalidArgument, "cannot run {}: {}", options.argv[0],
                     strerror(error));
  }
  fcntl(output.reader(), F_SETFL, O_NONBLOCK);
  return ChildProcess(pid, output.ReleaseReader());
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      partial_(std::move(other.partial_)),
      ended_(other.ended_),
      succeeded_(other.succeeded_),
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
  for (size_t total = 0; total < kMaxRead;) {
    const ssize_t n = read(output_, buffer, sizeof buffer);
    if (n > 0) {
      total += static_cast<size_t>(n);
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
  return true;
}

void ChildProcess::SplitLines(std::vector<std::string>* lines) {
  size_t begin = 0;
  for (size_t end; (end = partial_.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines->push_back(partial_.substr(begin, end - begin));
  partial_.erase(0, begin);
  if (partial_.size() > kMaxLine) lines->push_back(std::exchange(partial_, {}));
}

bool ChildProcess::IsOver() const {
  siginfo_t info{};
  return ended_ ||
         (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
          info.si_pid == pid_);
}

void ChildProcess::NoteEnd(int status) {
  ended_ = true;
  succeeded_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  how_ = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

bool ChildProcess::HasEnded() {
  if (ended_) return true;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  NoteEnd(status);
  return true;
}

// The number of a process, and of its group, is free for others from the moment in which the
// process is reaped. So the group is signalled only before, and not at all if that was earlier.
void ChildProcess::End(milliseconds grace) {
  if (ended_) return;
  const Clock::time_point deadline = Clock::now() + grace;
  std::vector<std::string> ignored;
  if (grace > milliseconds(0)) kill(-pid_, SIGTERM);
  // What the child has started may need its time to end as well, and mostly holds the output.
  while (!(IsOver() && output_ < 0) && Clock::now() < deadline) {
    ignored.clear();
    ReadLines(milliseconds(20), -1, &ignored);
  }
  kill(-pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  NoteEnd(status);
}

std::optional<std::string> FindProgram(const std::string& name, std::string_view path) {
  if (name.find('/') != std::string::npos)
    return IsProgram(name) ? std::optional(name) : std::nullopt;
  while (!path.empty()) {
    const size_t end = std::min(path.find(':'), path.size());
    std::string candidate = fmt::format("{}/{}", path.substr(0, end), name);
    if (end > 0 && IsProgram(candidate)) return candidate;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return std::nullopt;
}

}  // namespace harmonylite
