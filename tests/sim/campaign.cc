#include "sim/campaign.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <vector>

#include "sim/app_file.h"

namespace harmonylite::sim {

namespace {

// A child process's side of the pipe to its parent. Each line is "<kind> <text>". The kinds are:
// '.' for a history without a violation, 'v' for a violation, 's' for a count of Sometimes, and in
// RunApart() 'n' for the steps and 't' for the trace.
class Teller {
 public:
  explicit Teller(int fd) : file_(fdopen(fd, "w")) { HL_CHECK(file_ != nullptr); }
  void Tell(char kind, const std::string& text) {
    std::fprintf(file_, "%c %s\n", kind, text.c_str());
    std::fflush(file_);
  }

 private:
  FILE* file_;  // stays open until the process ends
};

struct Child {
  pid_t pid = -1;
  FILE* out = nullptr;
};

// Starts a child process that does `work` and ends.
template <typename Work>
Child Fork(Work work) {
  int pipe_fds[2];
  HL_CHECK(pipe(pipe_fds) == 0);
  std::fflush(nullptr);
  const pid_t pid = fork();
  HL_CHECK(pid >= 0);
  if (pid == 0) {
    close(pipe_fds[0]);
    Teller teller(pipe_fds[1]);
    work(&teller);
    _exit(0);
  }
  close(pipe_fds[1]);
  FILE* out = fdopen(pipe_fds[0], "r");
  HL_CHECK(out != nullptr);
  setvbuf(out, nullptr, _IONBF, 0);  // poll() would not see lines that wait in a buffer
  return {pid, out};
}

// Reads one line of a child. Returns false at the end of the pipe.
bool ReadLine(FILE* file, char* kind, std::string* text) {
  char* line = nullptr;
  size_t size = 0;
  const ssize_t length = getline(&line, &size, file);
  const bool there = length >= 3;
  if (there) {
    *kind = line[0];
    text->assign(line + 2, static_cast<size_t>(length) - 3);
  }
  free(line);  // NOLINT: getline() has allocated it
  return there;
}

// Waits until the child has ended. Returns true if it has ended with status 0, that is, after its
// work.
bool WaitFor(Child* child) {
  std::fclose(child->out);
  int status = 0;
  HL_CHECK(waitpid(child->pid, &status, 0) == child->pid);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string OneLine(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

// A share of the histories, which is run by one process after the other: number `i` of `jobs`
// shards has the histories i, i + jobs, i + 2 * jobs and so on.
struct Shard {
  Child child;
  volatile uint64_t* at;  // the index of the present history, in memory shared with the child
};

// Runs one child process for each shard, and reads what they report. When a history ends its
// process, the index in `Shard::at` says which history that was, and a new child goes on with the
// next one.
class Campaign {
 public:
  Campaign(Runner* runner, const CampaignOptions& options) : runner_(runner), options_(options) {
    const size_t bytes = static_cast<size_t>(options.jobs) * sizeof(uint64_t);
    void* shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    HL_CHECK(shared != MAP_FAILED);
    for (int64_t i = 0; i < options.jobs; ++i) {
      shards_.push_back({{}, static_cast<volatile uint64_t*>(shared) + i});
      *shards_.back().at = static_cast<uint64_t>(i);
    }
  }

  CampaignResult Run() {
    const auto begin = std::chrono::steady_clock::now();
    for (Shard& shard : shards_) Start(&shard);
    while (Listen()) {
    }
    result_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result_;
  }

 private:
  uint64_t Next(uint64_t index) const { return index + static_cast<uint64_t>(options_.jobs); }

  void Start(Shard* shard) {
    shard->child = Fork([&](Teller* teller) { Work(shard, teller); });
  }

  void Work(Shard* shard, Teller* teller) {
    Sometimes sometimes;
    int64_t violations = 0;
    for (uint64_t index = *shard->at; index < options_.histories; index = Next(index)) {
      *shard->at = index;
      HistoryOptions history;
      history.seed = SeedOf(options_.seed, index);
      history.only = options_.only;
      const HistoryReport report = runner_->Run(history);
      sometimes.Add(report.sometimes);
      if (!report.violation) {
        teller->Tell('.', "");
        continue;
      }
      teller->Tell('v', fmt::format("{} {}", index, OneLine(*report.violation)));
      if (++violations >= options_.most_violations) break;
    }
    for (const auto& [what, count] : sometimes.counts())
      teller->Tell('s', fmt::format("{} {}", count, what));
  }

  // Waits for reports, and takes one line from each child that has some. Returns false when all
  // children have ended.
  bool Listen() {
    std::vector<pollfd> waits;
    std::vector<Shard*> whose;
    for (Shard& shard : shards_) {
      if (shard.child.pid < 0) continue;
      waits.push_back({fileno(shard.child.out), POLLIN, 0});
      whose.push_back(&shard);
    }
    if (waits.empty()) return false;
    HL_CHECK(poll(waits.data(), waits.size(), -1) > 0);
    for (size_t i = 0; i < waits.size(); ++i)
      if (waits[i].revents != 0) TakeLine(whose[i]);
    return true;
  }

  void TakeLine(Shard* shard) {
    char kind = 0;
    std::string text;
    if (!ReadLine(shard->child.out, &kind, &text)) return End(shard);
    const size_t space = text.find(' ');
    if (kind == 's')
      return result_.sometimes.Note(text.substr(space + 1), std::stoll(text.substr(0, space)));
    ++result_.histories;
    if (kind == 'v') Violated(std::stoull(text.substr(0, space)), text.substr(space + 1));
  }

  void End(Shard* shard) {
    const bool whole = WaitFor(&shard->child);
    shard->child.pid = -1;
    if (whole) return;
    ++result_.histories;
    Violated(*shard->at, "the process ended, see above");
    *shard->at = Next(*shard->at);
    if (result_.violations < options_.most_violations) Start(shard);
  }

  void Violated(uint64_t index, const std::string& what) {
    ++result_.violations;
    std::printf("history %" PRIu64 ": --replay %" PRIu64 ": %s\n", index,
                SeedOf(options_.seed, index), what.c_str());
    std::fflush(stdout);
  }

  Runner* runner_;
  const CampaignOptions options_;
  std::vector<Shard> shards_;
  CampaignResult result_;
};

}  // namespace

CampaignResult RunCampaign(Runner* runner, const CampaignOptions& options) {
  MakeAttachedFiles();  // the children share the files that their parent has made
  return Campaign(runner, options).Run();
}

HistoryReport RunApart(Runner* runner, const HistoryOptions& options) {
  MakeAttachedFiles();
  HistoryReport out;
  Child child = Fork([&](Teller* teller) {
    const HistoryReport report = runner->Run(options);
    if (report.violation) teller->Tell('v', OneLine(*report.violation));
    teller->Tell('n', fmt::format("{}", report.steps));
    teller->Tell('t', fmt::format("{}", report.trace));
  });
  char kind = 0;
  std::string text;
  while (ReadLine(child.out, &kind, &text)) {
    if (kind == 'v') out.violation = text;
    if (kind == 'n') out.steps = std::stoll(text);
    if (kind == 't') out.trace = std::stoull(text);
  }
  if (!WaitFor(&child)) out.violation = "the process ended, see above";
  return out;
}

}  // namespace harmonylite::sim
