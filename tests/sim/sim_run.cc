// The command sim_run: runs campaigns of the simulator, repeats one history, and shrinks a history
// that breaks a promise. `./dev sim` calls it.
#include <fmt/format.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <thread>

#include "sim/campaign.h"
#include "sim/shrink.h"

namespace {

using namespace harmonylite::sim;  // NOLINT: a program

constexpr int64_t kShrinkTries = 1'500;
constexpr const char* kUsage =
    "usage: sim_run [--histories N] [--seed S] [--jobs J] [--only FAULT,…]\n"
    "           N histories (1000) in J processes; every violation is printed with the seed of "
    "its\n"
    "           history; exit status 1 when there is one. --only: with exactly these faults\n"
    "       sim_run --replay SEED [--verbose] [--all-tables] [--nodes N] [--without FAULT,…]\n"
    "               [--only FAULT,…] [--keep STEPS]\n"
    "           one history, twice: both must be the same to the bit; the options are those that\n"
    "           --shrink prints\n"
    "       sim_run --shrink SEED [--tries N]\n"
    "           a small history that breaks the same promise\n";

struct Arguments {
  CampaignOptions run;
  HistoryOptions history;
  std::vector<bool> keep;
  uint64_t shrink = 0;
  int64_t tries = kShrinkTries;
};

// Runs one history twice and compares the traces. Returns the exit status.
int Replay(const HistoryOptions& options) {
  Runner runner;
  HistoryOptions silent = options;
  silent.verbose = false;
  // A verbose history runs in this process, so that a debugger can be used on it.
  const HistoryReport report = options.verbose ? runner.Run(options) : RunApart(&runner, silent);
  const HistoryReport again = RunApart(&runner, silent);
  std::printf("seed %" PRIu64 ": %" PRId64 " steps, trace %016" PRIx64 ", %s\n", options.seed,
              report.steps, report.trace,
              report.violation ? report.violation->c_str() : "no violation");
  const bool same = again.trace == report.trace;
  if (!same) std::printf("NOT DETERMINISTIC: trace %016" PRIx64 "\n", again.trace);
  return report.violation || !same ? 1 : 0;
}

int ShrinkSeed(const Arguments& arguments) {
  Runner runner;
  Small small;
  Shrink(&runner, arguments.shrink, arguments.tries, &small);
  if (small.violation.empty()) {
    std::printf("seed %" PRIu64 " breaks nothing\n", arguments.shrink);
    return 1;
  }
  std::printf("%s\nsim_run --replay %" PRIu64 " --nodes %zu --without %s --keep %s --verbose\n",
              small.violation.c_str(), arguments.shrink, small.options.most_nodes,
              small.options.without.Text().c_str(), StepsText(small.steps).c_str());
  return 0;
}

int RunMany(const CampaignOptions& options) {
  Runner runner;
  const CampaignResult result = RunCampaign(&runner, options);
  for (const auto& [what, count] : result.sometimes.counts())
    std::printf("%10" PRId64 "  %s\n", count, what.c_str());
  const double rate = static_cast<double>(result.histories) / std::max(result.seconds, 0.001);
  std::printf("seed %" PRIu64 ": %" PRIu64
              " histories in %.0f s, %.1f a second, %.1f for each of %" PRId64
              " processes; %" PRId64 " violations\n",
              options.seed, result.histories, result.seconds, rate,
              rate / static_cast<double>(options.jobs), options.jobs, result.violations);
  return result.violations == 0 ? 0 : 1;
}

bool ParseFaults(const std::string& text, FaultMix* out) {
  std::stringstream words(text);
  std::string word;
  while (std::getline(words, word, ','))
    if (!out->Add(word)) return false;
  return true;
}

bool Parse(int argc, char** argv, Arguments* out) {
  out->history.seed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--verbose") {
      out->history.verbose = true;
      continue;
    }
    if (word == "--all-tables") {
      out->history.all_tables = true;
      continue;
    }
    if (++i >= argc) return false;
    const char* value = argv[i];
    const uint64_t number = std::strtoull(value, nullptr, 10);
    if (word == "--seed") {
      out->run.seed = number;
    } else if (word == "--histories") {
      out->run.histories = number;
    } else if (word == "--jobs") {
      out->run.jobs = std::max<int64_t>(1, static_cast<int64_t>(number));
    } else if (word == "--replay") {
      out->history.seed = number;
    } else if (word == "--shrink") {
      out->shrink = number;
    } else if (word == "--tries") {
      out->tries = static_cast<int64_t>(number);
    } else if (word == "--nodes") {
      out->history.most_nodes = number;
    } else if (word == "--without") {
      if (!ParseFaults(value, &out->history.without)) return false;
    } else if (word == "--only") {
      if (!ParseFaults(value, &out->run.only)) return false;
      out->history.only = out->run.only;
    } else if (word == "--keep") {
      if (!ParseSteps(value, &out->keep)) return false;
      out->history.keep = &out->keep;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  arguments.run.seed = std::random_device()();
  if (!Parse(argc, argv, &arguments)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (arguments.history.seed != 0) return Replay(arguments.history);
  if (arguments.shrink != 0) return ShrinkSeed(arguments);
  return RunMany(arguments.run);
}
