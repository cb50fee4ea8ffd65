// Long runs of the simulator, and one history again.
//
//   sim_run --seed S --histories N    N histories; stops at the first violation, exit status 1
//   sim_run --replay SEED [--verbose] one history by its own seed, twice: both must be the same
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "sim/runner.h"

namespace {

using harmonylite::sim::HistoryReport;
using harmonylite::sim::Runner;
using harmonylite::sim::SeedOf;
using harmonylite::sim::Sometimes;

int Replay(uint64_t seed, bool verbose) {
  Runner runner;
  const HistoryReport report = runner.Run(seed, verbose);
  const HistoryReport again = runner.Run(seed);
  std::printf("seed %" PRIu64 ": %" PRId64 " steps, trace %016" PRIx64 ", %s\n", seed, report.steps,
              report.trace, report.violation ? report.violation->c_str() : "no violation");
  if (again.trace != report.trace) std::printf("NOT DETERMINISTIC: trace %016" PRIx64 "\n", again.trace);
  return report.violation || again.trace != report.trace ? 1 : 0;
}

int RunMany(uint64_t seed, uint64_t histories, bool go_on) {
  Runner runner;
  Sometimes sometimes;
  int violations = 0;
  for (uint64_t i = 0; i < histories; ++i) {
    const HistoryReport report = runner.Run(SeedOf(seed, i));
    sometimes.Add(report.sometimes);
    if (!report.violation) continue;
    ++violations;
    std::printf("history %" PRIu64 ": --replay %" PRIu64 ": %s\n", i, SeedOf(seed, i),
                report.violation->c_str());
    std::fflush(stdout);
    if (!go_on) break;
  }
  for (const auto& [what, count] : sometimes.counts())
    std::printf("%10" PRId64 "  %s\n", count, what.c_str());
  std::printf("seed %" PRIu64 ", %" PRIu64 " histories: %d violations\n", seed, histories, violations);
  return violations == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seed = std::random_device()();
  uint64_t histories = 1000;
  uint64_t replay = 0;
  bool verbose = false;
  bool go_on = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--verbose") {
      verbose = true;
    } else if (word == "--go-on") {
      go_on = true;
    } else if (word == "--seed") {
      seed = std::strtoull(value, nullptr, 10), ++i;
    } else if (word == "--histories") {
      histories = std::strtoull(value, nullptr, 10), ++i;
    } else if (word == "--replay") {
      replay = std::strtoull(value, nullptr, 10), ++i;
    } else {
      std::fprintf(stderr, "usage: sim_run [--seed S] [--histories N] [--go-on]\n"
                           "       sim_run --replay SEED [--verbose]\n");
      return 2;
    }
  }
  return replay != 0 ? Replay(replay, verbose) : RunMany(seed, histories, go_on);
}
