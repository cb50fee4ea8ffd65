// One history: nodes, a log and a registry, driven through faults by one seed, healed, and held against the
// promises of the product.
//
// First a phase of safety: workload, steps of workers and faults in an order drawn from the seed, with every
// checker looking on. Then everything heals, and all nodes must come to rest equal within a bounded number of
// rounds. (The two phases follow TigerBeetle's simulator.)
// Threads: one; two histories may not run at the same time in one process (SQLite's generator is shared).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/logger.h"
#include "sim/alterations.h"
#include "sim/app.h"
#include "sim/checks.h"
#include "sim/fault_mix.h"
#include "sim/ledger.h"
#include "sim/random.h"
#include "sim/sim_log.h"
#include "sim/sim_meta.h"
#include "sim/sim_node.h"
#include "sim/sim_store.h"
#include "sim/sometimes.h"

namespace harmonylite::sim {

struct HistoryOptions {
  uint64_t seed = 1;
  std::string directory;  // exists and is empty; RAM-backed is fastest
  bool verbose = false;   // every action and log line to standard error
  // For shrinking. Each step draws from a seed of its own: without one, the others stay what they are.
  FaultMix without;
  const std::vector<bool>* keep = nullptr;  // steps of the phase of safety; all without
  size_t most_nodes = 4;
  bool all_tables = false;  // none is left out
};

struct HistoryReport {
  std::optional<std::string> violation;
  uint64_t trace = 0;  // equal for equal histories
  int64_t steps = 0;
  FaultMix mix;
  size_t nodes = 0;
  Sometimes sometimes;
};

HistoryReport RunHistory(const HistoryOptions& options);

class Simulation {
 public:
  Simulation(const HistoryOptions& options, HistoryReport* report);
  void Run();

 private:
  struct Machine {
    std::unique_ptr<SimNode> node;
    std::unique_ptr<App> app;
    ByKey<RowVersion> shadowed;  // at the last look
    Seen seen;
    SimDisk::Files backup;
    int64_t restore_from = INT64_MAX;  // step: from then on the backup may be put in place
    // A copy of the machine that somebody started beside it: the same node id, the same file, at first.
    std::unique_ptr<SimNode> clone;
    std::unique_ptr<App> clone_app;
    int64_t clone_until = 0;  // step
    // Until the end: its application may see effects of what only the clone had.
    bool cloned = false;
    // As what a file counts that was put back, or cloned, until it goes on as another life or is certain that it
    // need not: so long what it counts may be what its former life, or its clone, gave other changes.
    std::optional<Origin> doubtful;
    bool had_rival = false;    // since its sidecar started, its clone ran
    int64_t paused_until = 0;  // step of the history: until then its sidecar gets no time
    bool was_missing = false;  // held batches at the last look, by kind
    bool was_schema = false;
    bool was_clock = false;
    bool asked = false;
    int64_t latest_wall_ms = 0;  // that its clock has shown
    bool resyncs = false;  // it wished for a snapshot at the last look
    int64_t made = 0;       // snapshots by this process, then
    int64_t forgotten = 0;  // tombstones, likewise
    std::set<uint64_t> evicted;  // by it, at the last look
    // It has no file yet; a sidecar that joins runs, or a finished file waits for its node.
    bool absent = false;
    std::unique_ptr<node::EmptyJoin> join;
    int64_t join_began_ms = 0;  // of the history's time
    bool restored_snapshot = false;
    int64_t away_until = 0;  // step of the history
    int64_t noted_entry = 0;  // of its journal: what is newer may be what the product itself wrote about altered rows
    bool alarmed = false;     // by a background comparison, at the last look
  };

  // simulation.cc
  void RunPhases();
  void ExcuseChance();
  bool SetUp();
  void BeginStep(uint64_t index);
  void Act();
  void StepWorker(Machine* machine, int64_t which);
  void NoteProgress(Machine* machine);
  void NoteNewLife(const SimNode& node, const Picture& picture);
  void StepApp(Machine* machine);
  void Look(Machine* machine);
  void LookAtAll();
  // A machine at a look at all, and its digest once it was taken.
  struct Looked {
    Machine* machine;
    const Picture* picture;
    std::optional<node::VerifyAnswer>* digest;
  };
  void NoteShadowed(const Picture& picture, Machine* machine);

  // simulation_liveness.cc
  void Heal();
  void MigrateAll(Machine* machine);
  void Work(Machine* machine);
  void Settle();
  bool Settled();
  bool WaitsForGood(const node::Hold& hold);
  void CheckEnd();
  void CheckLosers();

  // simulation_faults.cc
  void DrawMix(uint64_t seed);
  void DrawTables(uint64_t seed);
  void DrawFault();
  void FaultOfStore(int64_t which);
  void Crash(Machine* machine);
  void Kill(Machine* machine);
  void CutPower(Machine* machine);
  void Reboot(Machine* machine, const SimDisk::Files& files);
  void BeginLife(Machine* machine, const Picture& file);
  void Restore(Machine* machine);
  void SetClockBehind(Machine* machine);
  static bool CountsFurther(int64_t who, const Picture& copy, const Picture& now);
  void MarkLost(int64_t who, std::vector<Picture> kept);
  void JumpClock(Machine* machine);
  void CutOff(Machine* machine);
  void ShowOlderMeta(Machine* machine);
  void ToggleSpools(Machine* machine);
  void Pause(Machine* machine);
  void Migrate(Machine* machine);
  void Rebuild(Machine* machine);

  // simulation_clone.cc
  void Clone(Machine* machine);
  void StepClone(Machine* machine);
  void EndClone(Machine* machine);
  void MeetNamesake(Machine* machine);
  void EndIfRivalled(Machine* machine);

  // simulation_snapshots.cc
  void DrawSnapshots();
  void FaultOfSnapshots();
  void LackObjects(Machine* machine);
  void NoteMembers(Machine* machine);
  void NoteAnew(Machine* machine, const Picture& before);
  Violation NoteRowAnew(const Machine& machine, const std::string& table, const std::string& key,
                        const Picture& before, const Picture& after);

  // simulation_join.cc
  void BeginAbsent(Machine* machine);
  bool MayLoseFile(Machine* machine);
  void LoseFile(Machine* machine);
  bool LoseFileAtRest();
  void ComeLate(Machine* machine);
  void WipeServers();
  void SilenceOthers();
  void StepJoin(Machine* machine);
  void EndJoin(Machine* machine, node::EmptyJoin::Outcome outcome);
  void StepWithoutTables(Machine* machine);
  bool StartJoined(Machine* machine);
  void Arrive(Machine* machine);
  void SendAway(Machine* machine);
  void EndAway(Machine* machine);
  bool AnyAway() const;

  // simulation_verify.cc
  void DrawVerify(uint64_t seed);
  void ActVerify(Machine* machine);
  const node::VerifyAnswer* DigestOf(const Looked& looked);
  void CompareDigests(const Looked& one, const Looked& other);
  void NoteAlarm(Machine* machine);
  void Alter(Machine* machine);
  void NoteUnseen(Machine* machine);
  Result<std::shared_ptr<const Picture>> LookCorrected(Machine* machine);
  std::vector<const Alteration*> OpenAlterations(bool anywhere = false);
  void Verify(Machine* machine);
  bool PauseVerify();
  void VerifyAtEnd();
  void AwaitAlarms();
  void RepairAtEnd();

  // simulation_hardware.cc
  void PlanFault(Machine* machine, bool sidecar);
  void PlanDiskFault(Machine* machine, DiskFault fault);
  void EndFault(Machine* machine);
  void NoteTaking(Machine* machine);

  bool failed() const { return report_->violation.has_value(); }
  void Fail(const Machine* machine, const std::string& what);
  void Check(const Machine* machine, const Violation& violation);
  void Expect(const Machine* machine, const Status& status);
  void Trace(const std::string& what);
  std::vector<Machine*> Present();  // those with a file
  Machine& AnyMachine() { return machines_[random_.Below(static_cast<int64_t>(machines_.size()))]; }

  const HistoryOptions options_;
  HistoryReport* report_;
  Random random_;
  Logger logger_;
  World world_;
  FaultMix mix_;
  TableGroups tables_ = TableGroups::All();
  std::optional<Fault> planned_;  // for the step at hand
  LogFaults log_faults_;
  Ledger ledger_;
  std::map<const SimNode*, Origin> lives_;  // as which each file counted at the last look
  std::map<Origin, int64_t> published_at_birth_;  // by each life's former one
  SimMeta meta_;
  SimStore store_;
  SnapshotSetup snapshots_;
  std::unique_ptr<SimLog> log_;
  std::vector<Machine> machines_;
  bool healed_ = false;
  bool lost_at_rest_ = false;
  bool may_restore_ = true;  // a file is restored, or a machine cloned, once at most
  bool went_back_ = false;   // some file has lost commits, or has a clone
  bool copied_behind_ = false;  // copies are made of machines whose clock is behind
  bool conflicts_known_ = true;  // no file was lost with its list
  std::set<int64_t> lost_lives_;  // their files are gone
  int64_t latest_wall_ms_ = 0;  // that any clock has shown
  Alterations alterations_;
  int64_t verify_interval_ms_ = 0;
  bool verifying_ = false;  // somebody waits for a comparison
  int64_t pauses_ = 0;      // of his
};

}  // namespace harmonylite::sim
