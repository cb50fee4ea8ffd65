// The simulator as a test: histories with fixed seeds, which must also take every rare path;
// histories with a fresh seed; and the seeds of bugs that were found.
//
// HARMONYLITE_SIM_SEED is the seed of the fresh run. Without it a seed is drawn. The test prints
// it. HARMONYLITE_SIM_HISTORIES is the number of histories in the fresh run.
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <random>

#include "sim/runner.h"

namespace harmonylite::sim {
namespace {

constexpr uint64_t kFixedSeed = 20'261'144;
constexpr uint64_t kFixedHistories = 300;
constexpr uint64_t kPowerCutHistories = 60;
constexpr uint64_t kFreshHistories = 2'000;
constexpr uint64_t kShards = 8;  // the fresh run is this many tests, so that they use all cores

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void RunAll(uint64_t seed, uint64_t histories, Sometimes* sometimes, const FaultMix& only = {}) {
  Runner runner;
  for (uint64_t i = 0; i < histories; ++i) {
    const uint64_t own = SeedOf(seed, i);
    HistoryOptions options;
    options.seed = own;
    options.only = only;
    const HistoryReport report = runner.Run(options);
    sometimes->Add(report.sometimes);
    ASSERT_FALSE(report.violation.has_value())
        << "history " << i << " of seed " << seed << ": " << *report.violation
        << "\n  again with: sim_run --replay " << own << " --verbose";
  }
}

TEST(Simulation, FixedSeedsKeepEveryPromiseAndWalkTheRareWays) {
  Sometimes sometimes;
  RunAll(kFixedSeed, kFixedHistories, &sometimes);
  for (const auto& [what, count] : sometimes.counts())
    std::printf("  sometimes %6" PRId64 "  %s\n", count, what.c_str());
  for (const char* what : {"ack lost",
                           "application rolled back",
                           "batch of several frames",
                           "clock jumped",
                           "clock jumped beyond skew",
                           "equal progress on the way",
                           "file restored",
                           "hold for a cause or hole entered",
                           "hold for a cause or hole left",
                           "hold for a clock entered",
                           "hold for a clock left",
                           "hold for a schema entered",
                           "hold for a schema left",
                           "log gap",
                           "log: duplicate recognised",
                           "log: older copy put back",
                           "log: out of sequence",
                           "log: record damaged",
                           "log: record stored twice",
                           "log: trimmed",
                           "log: wiped",
                           "machine killed",
                           "new incarnation",
                           "node cut off",
                           "publish lost",
                           "reader lost",
                           "registry forgot",
                           "registry put back",
                           "registry lags",
                           "no room for temporary files",
                           "a record could not be taken",
                           "gave way to a namesake",
                           "repair request entered",
                           "repair request left",
                           "row shadowed",
                           "shadowed row came back",
                           "sidecar crashed",
                           "write transaction held open",
                           "deferred transaction held open after its read",
                           "sidecar paused",
                           "schema changed",
                           "clock jumped by years",
                           "machine cloned",
                           "conflict listed",
                           "application met a fault of its disk",
                           "in a step: sidecar-kill",
                           "in a step: power-cut",
                           "in a step: disk-error",
                           "in a step: disk-full",
                           "in a step: unreadable",
                           "in a step: busy",
                           "in a step: memory",
                           "in a step: statement",
                           "table rebuilt",
                           "VACUUM",
                           "row without a key written behind a VACUUM",
                           "orphan hidden",
                           "orphan came back",
                           "row shadowed by an index of later",
                           "digests compared",
                           "row changed unseen",
                           "row deleted unseen",
                           "row inserted unseen",
                           "row altered without triggers",
                           "alteration found by a background check",
                           "alteration found by verify",
                           "altered row repaired",
                           "alarm of a background check ended",
                           "verify with nothing to report at unequal progress",
                           "snapshot made",
                           "joined from a snapshot",
                           "started without a file",
                           "servers wiped while a node joins",
                           "runs without tables",
                           "joined again",
                           "first join",
                           "crash before a first join",
                           "write while catching up",
                           "schema: ALTER",
                           "schema: dropped with its table",
                           "schema: statement interrupted",
                           "first join: first join",
                           "tables made on a node that ran without any",
                           "file lost",
                           "machine away",
                           "node evicted",
                           "evicted node is back",
                           "tombstone forgotten",
                           "snapshot wished for",
                           "snapshot merged",
                           "snapshot merged with unpublished rows",
                           "row written anew by a merge",
                           "store: a call failed",
                           "store: an object came in part",
                           "store: an object fell silent",
                           "store: object lost",
                           "store: object altered"})
    EXPECT_GT(sometimes.Count(what), 0) << what;
}

// The power of a machine is cut that runs the only server, while its application has not synced:
// file, log and registry go back together, and the other nodes have what came after.
TEST(Simulation, PowerCutsTakeBackFileLogAndRegistry) {
  FaultMix power;
  for (const Fault fault :
       {Fault::kKill, Fault::kPowerCut, Fault::kServerHere, Fault::kLazySync, Fault::kCutOff})
    power.Set(fault, true);
  Sometimes sometimes;
  RunAll(kFixedSeed, kPowerCutHistories, &sometimes, power);
  for (const char* what : {"machine killed", "in a step: power-cut", "commits lost with the power",
                           "log: lost what was not synced", "new incarnation"})
    EXPECT_GT(sometimes.Count(what), 0) << what;
}

class FreshSeeds : public ::testing::TestWithParam<uint64_t> {};

TEST_P(FreshSeeds, KeepEveryPromise) {
  const uint64_t drawn = FromEnvironment("HARMONYLITE_SIM_SEED", std::random_device()());
  const uint64_t histories = FromEnvironment("HARMONYLITE_SIM_HISTORIES", kFreshHistories);
  std::printf("HARMONYLITE_SIM_SEED=%" PRIu64 " HARMONYLITE_SIM_HISTORIES=%" PRIu64 "\n", drawn,
              histories);
  Sometimes sometimes;
  RunAll(SeedOf(drawn, GetParam()), (histories + kShards - 1) / kShards, &sometimes);
}

INSTANTIATE_TEST_SUITE_P(Shard, FreshSeeds, ::testing::Range(uint64_t{0}, kShards));

void RunKept(std::initializer_list<uint64_t> seeds, bool all_tables) {
  Runner runner;
  for (const uint64_t seed : seeds) {
    HistoryOptions options;
    options.seed = seed;
    options.all_tables = all_tables;
    const HistoryReport report = runner.Run(options);
    EXPECT_FALSE(report.violation.has_value()) << seed << ": " << *report.violation;
  }
}

// The seeds of histories that once broke a promise, each with the bug that it found. A change of
// the simulator itself turns them into other histories; then they are just a few more.
TEST(Simulation, KeptSeedsKeepEveryPromise) {
  RunKept(
      {
          5264664384391485118u,   // snapshots of nodes that were behind hid the only current one
          8281117210056567947u,   // a ROLLBACK that was interrupted kept the write lock
          5796215511118819033u,   // a restored file whose WAL stayed counted as not restored
          10028576715233805401u,  // a delete whose COMMIT failed was taken for the forgotten one
          14783781906351623020u,  // a batch at hand undid what a copy had published meanwhile
          8244653294516145558u,   // a backup had more than its file had after a power cut
          3246406474746982689u,  // an alarm never ended, as a check that met no node did not end it
          9936735220128811253u,  // an answer that could not be put was given again, to no request
          167189295988553669u,   // a copy had a COMMIT that failed on its original
          4261468322136339797u,  // verify reached one node, where nothing can be compared
      },
      /*all_tables=*/false);
}

// The seeds of bugs that were found while all histories had all tables.
TEST(Simulation, SeedsKeptFromBeforeKeepEveryPromise) {
  RunKept(
      {
          4174110894674725605u,   // a new life whose first step was cut off after its commit
          12443393978793166448u,  // a restored file gave the stamps its former life had given
          10927405155666809772u,  // a restored file applied before it knew that it was one
          12756622600721503453u,  // a crashed node's new life lost rows of an old shape
          14728827987909267045u,  // a crashed node's new life lost rows of an old shape (case 2)
          15372744246249163607u,  // others asked for ever for what a new life had not written
          4148680622931926529u,   // others asked for ever for changes of a new life (a second case)
          10451216379200822465u,  // a ROLLBACK without memory ended the process
          5747796768693156649u,   // a ROLLBACK without memory left the database locked
          8252592432254544644u,   // a step that began a new life was cut off, and began another
          14445376000937203283u,  // a migration waited for ever for a sidecar that was too slow
          17501101504267993764u,  // a COMMIT that failed shared its stamp with a later one
          5023932746043588245u,   // a cloned machine showed effects of changes only its clone had
          11059685801964091617u,  // a cloned machine applied before it compared log and journal
          13845064244451068141u,  // a life that wrote nothing was named in one vector only
          10011307370603127878u,  // a table was written to before it had its triggers
          5084818802709811254u,  // a copy of an evicted node published and vanished (DrawSnapshots)
          3794966629049828094u,  // a snapshot's old tombstone hid that a newer delete was forgotten
          171656457280428188u,   // a node that needed a snapshot was the one that made them
          17130484392128982127u,  // a snapshot from before a migration was fetched for ever
          11765783109303911915u,  // two files with the same writes were lost in turn (MarkLost)
          3022202155825428998u,   // a repair left out the delete of a row that came back unseen
          15359498447813164611u,  // the second loser of a row in a batch replaced the first
      },
      /*all_tables=*/true);
}

TEST(Simulation, TheSameSeedGivesTheSameHistory) {
  Runner runner;
  for (uint64_t i = 0; i < 5; ++i) {
    const uint64_t seed = SeedOf(kFixedSeed, i);
    EXPECT_EQ(runner.Run(seed).trace, runner.Run(seed).trace) << seed;
  }
  EXPECT_NE(runner.Run(1).trace, runner.Run(2).trace);
}

}  // namespace
}  // namespace harmonylite::sim
