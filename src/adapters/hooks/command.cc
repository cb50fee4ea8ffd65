#include "adapters/hooks/command.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <optional>
#include <string_view>

#include "base/child_process.h"
#include "base/logger.h"

namespace harmonylite::hooks {

namespace {

using std::chrono::milliseconds;

// Between two looks at a command that runs. Its output ends the wait early.
constexpr milliseconds kStep{20};
// Between SIGTERM and SIGKILL, for a command that takes too long, and when this process ends.
constexpr milliseconds kGrace{2000};
constexpr milliseconds kStopGrace{500};
// The end of a command's output that is kept: lines, and bytes of each.
constexpr size_t kKeptLines = 4;
constexpr size_t kKeptBytes = 200;
// Most bytes of names in the environment. Linux takes no variable of more than 128 KiB.
constexpr size_t kMostNames = 64 << 10;

constexpr std::string_view kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool MayInherit(std::string_view name) {
  for (const std::string_view one :
       {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"})
    if (name == one) return true;
  return name.starts_with("LC_");
}

std::string PathOf(const std::vector<std::string>& environment) {
  for (const std::string& entry : environment)
    if (entry.starts_with("PATH=")) return entry.substr(5);
  return {};
}

class Tail {
 public:
  void Add(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      if (line.empty()) continue;
      kept_.push_back(line.substr(0, kKeptBytes));
      if (kept_.size() > kKeptLines) kept_.pop_front();
    }
  }
  std::string Text() const {
    std::string out;
    for (const std::string& line : kept_) out += (out.empty() ? "" : " | ") + line;
    return out;
  }

 private:
  std::deque<std::string> kept_;
};

// Reads the output of a command until it ends, or is ended.
RunEnd AwaitEnd(ChildProcess* child, int64_t timeout_ms, const std::atomic<int64_t>& stop_by_ms,
                const Clock& clock) {
  const int64_t limit = clock.MonotonicMs() + timeout_ms;
  Tail tail;
  std::vector<std::string> lines;
  while (true) {
    // The end is asked for before the output is read, so that the last words are read.
    const bool ended = child->HasEnded();
    lines.clear();
    child->ReadLines(ended ? milliseconds(0) : kStep, -1, &lines);
    tail.Add(lines);
    if (ended) return {child->succeeded() ? "" : child->how_it_ended(), tail.Text()};
    const int64_t now = clock.MonotonicMs();
    const bool stops = now >= stop_by_ms.load();
    if (!stops && now < limit) continue;
    child->End(stops ? kStopGrace : kGrace);
    return {fmt::format("it took longer than {} ms (timeout) and was ended", timeout_ms),
            tail.Text(), stops};
  }
}

}  // namespace

std::vector<std::string> CommandEnvironment(const Rows& rows, const std::string& database,
                                            NodeId node) {
  std::string names;
  std::string counts;
  int64_t sum = 0;
  for (const auto& [table, written] : rows) {
    const std::string name = JsonEscape(table);
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ",", name);
    counts += fmt::format("{}\"{}\":{}", counts.empty() ? "" : ",", name, written);
    sum += written;
  }
  if (counts.size() > kMostNames) {
    names = "\"*\"";
    counts = fmt::format("\"*\":{}", sum);
  }
  std::vector<std::string> out = {
      "HARMONYLITE_TABLES=[" + names + "]", "HARMONYLITE_CHANGES={" + counts + "}",
      fmt::format("HARMONYLITE_ROWS={}", sum), "HARMONYLITE_DATABASE=" + database,
      fmt::format("HARMONYLITE_NODE={}", node.value)};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (MayInherit(text.substr(0, text.find('=')))) out.emplace_back(text);
  }
  if (PathOf(out).empty()) out.emplace_back(kDefaultPath);
  return out;
}

RunEnd RunCommand(const std::vector<std::string>& argv, std::vector<std::string> environment,
                  int64_t timeout_ms, const std::atomic<int64_t>& stop_by_ms, const Clock& clock) {
  ChildOptions options{.argv = argv};
  if (argv[0].find('/') == std::string::npos) {
    const auto found = FindProgram(argv[0], PathOf(environment));
    if (!found) return {fmt::format("no {} was found on PATH", argv[0]), {}};
    options.argv[0] = *found;
  }
  options.environment = std::move(environment);
  auto child = ChildProcess::Spawn(options);
  if (!child.ok()) return {child.error().message(), {}};
  return AwaitEnd(&*child, timeout_ms, stop_by_ms, clock);
}

RunEnd TouchFile(const std::string& path) {
  // Opened for writing, as touch(1) does, so that watchers see that a writer has closed it. Without
  // O_NONBLOCK a pipe would be waited for. A link is not followed: the folder may be that of a user
  // who may do less than this process.
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
  const bool touched = fd >= 0 && futimens(fd, nullptr) == 0;
  const int error = errno;
  if (fd >= 0) close(fd);
  if (touched) return {};
  return {
      fmt::format("cannot touch {}: {}", path,
                  error == ELOOP ? "it is a link, and links are not followed" : strerror(error)),
      {}};
}

}  // namespace harmonylite::hooks
