// A history: nodes, a log, a registry and a store of snapshots, which one seed drives through
// faults and heals, while checkers compare what the nodes show with the promises of the product.
//
// A history has two phases. In the phase of safety, the steps of applications and workers and the
// faults come in an order drawn from the seed, and every checker looks on. In the phase of liveness
// everything heals, and all nodes must come to rest, equal, within a bounded number of rounds. The
// two phases follow TigerBeetle's simulator.
//
// Threads: one. Two histories must not run at the same time in one process, because SQLite has one
// generator of random numbers for the whole process.
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
  std::string directory;  // an existing, empty folder for spools; fastest if it is in memory
  bool verbose = false;   // prints every action and every line of the log file to standard error
  // The following options narrow a history, for shrinking. Each step draws from a seed of its own,
  // so what is left does not change when a step is left out
  // (docs/decisions/0010-faults-by-step.md).
  FaultMix without;                         // kinds of faults that are left out
  FaultMix only;                            // if it has any fault, the history has exactly these
  const std::vector<bool>* keep = nullptr;  // which steps of the phase of safety to run; null: all
  size_t most_nodes = 4;
  bool all_tables = false;  // the application has every table
};

struct HistoryReport {
  std::optional<std::string> violation;
  // A hash of everything that happened, equal for equal histories.
  uint64_t trace = 0xCBF29CE484222325ull;
  int64_t steps = 0;
  FaultMix mix;
  size_t nodes = 0;
  Sometimes sometimes;

  void AddToTrace(const std::string& what);
};

HistoryReport RunHistory(const HistoryOptions& options);

class Simulation {
 public:
  Simulation(const HistoryOptions& options, HistoryReport* report);
  void Run();

 private:
  // One machine with its node and its application, and what the simulation remembers about it.
  // "Step" means the number of a step of the history (HistoryReport::steps), and "the last look"
  // the last call of the function that counts the rare paths concerned.
  struct Machine {
    std::unique_ptr<SimNode> node;
    std::unique_ptr<App> app;
    ByKey<RowVersion> shadowed;  // the rows shadowed at the last look, by table and key
    Seen seen;
    SimDisk::Files backup;
    int64_t restore_from = INT64_MAX;  // the step from which on the backup may be put in place
    // A copy of the machine that was started beside it. It has the same node id and, at first, the
    // same file.
    std::unique_ptr<SimNode> clone;
    std::unique_ptr<App> clone_app;
    int64_t clone_until = 0;  // the step after which the clone ends
    // True from the cloning until CheckEnd(): the application may see effects of changes that only
    // the clone had, so that causes are not checked.
    bool cloned = false;
    // Set when a file was put back or cloned: the origin under which it counted then. It is unset
    // when the file goes on as another incarnation, or is certain that it need not. Until then,
    // changes that the file counts may have the numbers of other changes, which its former life or
    // its clone has made.
    std::optional<Origin> doubtful;
    bool had_rival = false;      // its clone has run since its sidecar started
    int64_t paused_until = 0;    // the step until which its sidecar gets no time
    bool was_missing = false;    // it held batches for a missing cause or hole at the last look
    bool was_schema = false;     // it held batches for a schema at the last look
    bool was_clock = false;      // it held batches for a clock at the last look
    bool asked = false;          // it asked for a repair at the last look
    int64_t latest_wall_ms = 0;  // the latest time that its clock has shown
    bool resyncs = false;        // it wished for a snapshot at the last look
    int64_t made = 0;            // snapshots that its process had made at the last look
    int64_t forgotten = 0;       // tombstones that its process had forgotten at the last look
    std::set<uint64_t> evicted;  // the nodes that it counted as evicted at the last look
    // True while the machine has no node with a file: there is no file yet, or a sidecar joins, or
    // a finished file waits for its node to start.
    bool absent = false;
    std::unique_ptr<node::EmptyJoin> join;
    int64_t join_began_ms = 0;       // World::elapsed_ms when the join began
    bool restored_snapshot = false;  // the join has ended with a restored snapshot
    int64_t away_until = 0;          // the step until which the machine is away; 0: it is not
    // The newest journal entry that NoteUnseen() has looked at. Newer entries may be what the
    // product itself has written about altered rows.
    int64_t noted_entry = 0;
    int64_t steps_until_told = 0;  // consumer steps until CheckTold() looks at one again
    bool alarmed = false;          // a background comparison had raised an alarm at the last look
  };

  // Defined in simulation.cc: the order of a history, the steps of the phase of safety, and the
  // looks.
  void RunPhases();
  void ExcuseChance();
  bool SetUp();
  void BeginStep(uint64_t index);
  void Act();
  void StepWorker(Machine* machine, int64_t which);
  std::shared_ptr<const Picture> LookBefore(Machine* machine);
  void LookAfter(Machine* machine, const Picture& before);
  void NoteProgress(Machine* machine);
  void NoteObjects(Machine* machine);
  void NoteNewLife(const SimNode& node, const Picture& picture);
  void StepApp(Machine* machine);
  void Look(Machine* machine);
  void LookAtIds(Machine* machine);
  void LookAtAll();
  // A machine as LookAtAll() sees it, and its digest once DigestOf() has taken it.
  struct Looked {
    Machine* machine;
    const Picture* picture;
    std::optional<node::VerifyAnswer>* digest;
  };
  void NoteShadowed(const Picture& picture, Machine* machine);

  // Defined in simulation_liveness.cc, except MigrateAll() in simulation_join.cc: the phase of
  // liveness and the checks at the end.
  void Lull();
  void Heal();
  void MigrateAll(Machine* machine);
  void Work(Machine* machine);
  void RunRound(Machine* machine);
  void Settle();
  bool Settled();
  bool WaitsForGood(const node::Hold& hold);
  void CheckEnd();
  void CheckLosers();

  // Defined in simulation_faults.cc: which faults there are, and those between two steps.
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
  void Vacuum(Machine* machine);

  // Defined in simulation_clone.cc: cloned machines.
  void Clone(Machine* machine);
  void StepClone(Machine* machine);
  void EndClone(Machine* machine);
  void MeetNamesake(Machine* machine);
  void EndIfRivalled(Machine* machine);

  // Defined in simulation_snapshots.cc: snapshots, members, forgotten tombstones and faults of the
  // store.
  void DrawSnapshots();
  void FaultOfSnapshots();
  void LackObjects(Machine* machine);
  void NoteMembers(Machine* machine);
  // True if a comparison may find rows that other nodes lack, so that a node journals them anew.
  bool MayRepair() const { return went_back_ && mix_[Fault::kVerify]; }
  void NoteAnew(Machine* machine, const Picture& before, bool merges);
  Violation NoteRowAnew(const Machine& machine, const std::string& table, const std::string& key,
                        const Picture& before, const Picture& after);

  // Defined in simulation_join.cc: machines without a file, and machines that are away.
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

  // Defined in simulation_verify.cc: altered rows, and comparisons of rows.
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

  // Defined in simulation_hardware.cc: faults of a machine in the middle of a step.
  void PlanFault(Machine* machine, bool sidecar);
  void PlanDiskFault(Machine* machine, DiskFault fault);
  void EndFault(Machine* machine);
  void NoteTaking(Machine* machine);

  // Helpers of all these files. Trace() adds to the trace of the history. Fail(), Check() and
  // Expect() report a violation, of which the history keeps the first.
  bool failed() const { return report_->violation.has_value(); }
  void Fail(const Machine* machine, const std::string& what);
  void Check(const Machine* machine, const Violation& violation);
  void Expect(const Machine* machine, const Status& status);
  void Trace(const std::string& what);
  std::vector<Machine*> Present();  // the machines that are not absent
  Machine& AnyMachine() { return machines_[random_.Below(static_cast<int64_t>(machines_.size()))]; }

  const HistoryOptions options_;
  HistoryReport* report_;
  Random random_;
  Logger logger_;
  World world_;
  FaultMix mix_;
  TableGroups tables_ = TableGroups::All();
  std::optional<Fault> planned_;  // the fault planned for the present step
  LogFaults log_faults_;
  Ledger ledger_;
  std::map<const SimNode*, Origin> lives_;  // the origin of each node's file at the last look
  // By origin: the number up to which changes counted as published when that incarnation began.
  std::map<Origin, int64_t> published_at_birth_;
  SimMeta meta_;
  SimStore store_;
  SnapshotSetup snapshots_;
  ledger::IdLayout id_layout_;
  std::unique_ptr<SimLog> log_;
  std::vector<Machine> machines_;
  bool healed_ = false;
  bool lost_at_rest_ = false;  // LoseFileAtRest() has had its one turn
  bool may_restore_ = true;  // no file was restored and no machine cloned; it happens once at most
  bool went_back_ = false;   // some file has lost commits or was cloned
  bool copied_behind_ = false;    // a clock is put behind the file's stamps when the file is copied
  bool conflicts_known_ = true;   // no file was lost together with its list of conflicts
  std::set<int64_t> lost_lives_;  // the lives (SimNode::who()) whose files are gone
  int64_t latest_wall_ms_ = 0;    // the latest time that any clock has shown
  Alterations alterations_;
  int64_t verify_interval_ms_ = 0;
  bool verifying_ = false;  // a `harmonylite verify` waits for answers, or VerifyAtEnd() runs
  int64_t pauses_ = 0;      // how often the waiting command has paused
};

}  // namespace harmonylite::sim
