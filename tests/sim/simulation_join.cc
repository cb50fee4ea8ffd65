// Machines without a file, which come later than the others or lose their file, and join from a
// snapshot; and machines that are away for longer than the others wait for them.
#include <fmt/format.h>

#include <algorithm>

#include "ledger/fingerprint.h"
#include "node/options.h"
#include "sim/app_file.h"
#include "sim/simulation.h"

namespace harmonylite::sim {

namespace {

using Outcome = node::EmptyJoin::Outcome;

constexpr size_t kMostTries = 2'000;  // attempts for all migrations of a machine together
constexpr int64_t kBetweenTriesMs = 200;
// Probabilities:
constexpr double kHearsNobody = 0.7;   // a machine that comes late hears no other node at first
constexpr double kTablesLater = 0.8;   // the application makes its tables after the node's start
constexpr double kWiped = 0.5;         // the servers are wiped when a node begins to join
constexpr double kMakesTables = 0.03;  // the application makes its tables in one step

}  // namespace

std::vector<Simulation::Machine*> Simulation::Present() {
  std::vector<Machine*> out;
  for (Machine& machine : machines_)
    if (!machine.absent) out.push_back(&machine);
  return out;
}

// Runs all migrations that a machine's application still has to run, at the end of a history.
void Simulation::MigrateAll(Machine* machine) {
  if (!mix_[Fault::kMigrate]) return;
  for (size_t tries = 0; machine->app->level() < static_cast<int64_t>(kMigrations.size());
       ++tries) {
    auto migrated = machine->app->Migrate();
    if (!migrated.ok() || tries > kMostTries) return Fail(machine, "a migration failed");
    if (*migrated) continue;
    // The migration waits for the sidecar, which gets some time.
    world_.Advance(kBetweenTriesMs);
    if (!machine->node->running()) Expect(machine, machine->node->Start());
    if (machine->node->running()) Work(machine);
  }
}

void Simulation::BeginAbsent(Machine* machine) {
  Trace(fmt::format("{} has no file", machine->node->id()));
  machine->node->UseFiles({});
  machine->absent = true;
  lives_.erase(machine->node.get());
}

// True if a machine's file may be lost: the other files together have all that it may ever have
// published, and all that it has of other origins, which may be no more. Otherwise batches that are
// left in the log could wait for ever for changes that are gone, which is a limit of the product
// (P9).
bool Simulation::MayLoseFile(Machine* machine) {
  SimNode& node = *machine->node;
  const bool doubts = std::any_of(machines_.begin(), machines_.end(),
                                  [](const Machine& other) { return other.doubtful.has_value(); });
  if (doubts || machine->clone != nullptr || node.disk().faulted()) return false;
  auto picture = node.Look();
  if (!picture.ok()) return false;
  change::ProgressVector all = (*picture)->progress;
  const Lseq sent = node.running() ? node.shared().sending() : Lseq((*picture)->last_change);
  if (sent.value > (*picture)->incarnation_base) all.Advance((*picture)->self, sent);
  change::ProgressVector others;
  for (Machine* other : Present()) {
    if (other == machine) continue;
    auto there = other->node->Look();
    if (!there.ok()) return false;
    for (const auto& [origin, lseq] : (*there)->vector.map()) others.Advance(origin, lseq);
  }
  return others.Covers(all);
}

void Simulation::LoseFile(Machine* machine) {
  if (!MayLoseFile(machine)) return;
  SimNode& node = *machine->node;
  Trace(fmt::format("{} loses its file", node.id()));
  LackObjects(machine);
  report_->sometimes.Note("file lost");
  // A later power cut of another machine must not take back the changes on which MayLoseFile()
  // relied.
  for (Machine* other : Present()) other->node->disk().SyncAll();
  MarkLost(node.who(), {});
  conflicts_known_ = false;
  machine->app->Close();
  node.Crash();
  ++node.life;
  machine->seen = {};
  machine->shadowed.clear();
  machine->backup.clear();
  machine->was_missing = machine->was_schema = machine->was_clock = machine->asked =
      machine->resyncs = false;
  machine->evicted.clear();
  BeginAbsent(machine);
}

// Lets one machine lose its file while the cluster is at rest, once in a history that has both
// kJoin and kStoreFails. Any present snapshot would bring the machine back, but after
// LackObjects() it can usually read none of them. Returns true if a file was lost.
bool Simulation::LoseFileAtRest() {
  if (!mix_[Fault::kJoin] || !mix_[Fault::kStoreFails] || lost_at_rest_) return false;
  lost_at_rest_ = true;
  Machine& machine = AnyMachine();
  LoseFile(&machine);
  return machine.absent;
}

// Pauses the sidecars of all machines with a file for longer than a node that joins listens.
void Simulation::SilenceOthers() {
  for (Machine* other : Present()) other->paused_until = report_->steps + random_.Between(150, 350);
}

// Lets a machine begin without a file. Its sidecar may be the first one to be heard all the same.
void Simulation::ComeLate(Machine* machine) {
  BeginAbsent(machine);
  if (random_.Chance(kHearsNobody)) SilenceOthers();
}

// The servers lose everything: the registry, the snapshots and, where the history may wipe it, the
// log.
void Simulation::WipeServers() {
  Trace("the servers are wiped");
  report_->sometimes.Note("servers wiped while a node joins");
  meta_.Forget();
  ledger_.NoteRegistryLost();
  store_.objects.clear();
  if (mix_[Fault::kWipe]) log_->Wipe();
  if (random_.Chance(0.5)) SilenceOthers();
}

// One step of a machine that is absent. Its sidecar begins to join, goes on joining, or runs
// without tables; or a finished file is started, and the machine is present again.
void Simulation::StepJoin(Machine* machine) {
  if (report_->steps < machine->paused_until || random_.Chance(0.3)) return;
  SimNode& node = *machine->node;
  if (node.running()) return StepWithoutTables(machine);
  PlanFault(machine, /*sidecar=*/true);
  if (machine->join == nullptr) {
    auto empty = node.CanBecomeReplica();
    if (empty.ok() && *empty) machine->join = node.MakeJoin();
    machine->join_began_ms = world_.elapsed_ms;
    const bool may_wipe = !healed_ && mix_[Fault::kForgetMeta];
    if (machine->join != nullptr && may_wipe && random_.Chance(kWiped)) WipeServers();
    const bool started = empty.ok() && !*empty && StartJoined(machine);
    EndFault(machine);
    if (started && node.running()) Arrive(machine);
    return;
  }
  auto outcome = machine->join->Step();
  Trace(fmt::format("{} joins: {}", node.id(), outcome.ok() ? static_cast<int>(*outcome) : -1));
  if (!outcome.ok() && !node.disk().faulted()) Expect(machine, std::move(outcome).error());
  if (!outcome.ok() || *outcome != Outcome::kWaiting) machine->join.reset();
  const bool lost_power = node.disk().dead();
  EndFault(machine);
  if (!lost_power && outcome.ok() && *outcome != Outcome::kWaiting) EndJoin(machine, *outcome);
}

// Checks how a join has ended. A node may start empty only if no node with tables can be heard, so
// it must have listened for longer than two heartbeats if there are others.
void Simulation::EndJoin(Machine* machine, Outcome outcome) {
  SimNode& node = *machine->node;
  auto empty = node.CanBecomeReplica();
  if (outcome == Outcome::kRestored) {
    if (empty.ok() && *empty) Fail(machine, "it joined from a snapshot without tables");
    machine->restored_snapshot = true;
    return;
  }
  if (!empty.ok() || !*empty) return;
  report_->sometimes.Note("started without a file");
  if (!Present().empty() && world_.elapsed_ms - machine->join_began_ms <= 2 * node::kHeartbeatMs)
    return Fail(machine, "it started empty before others with tables had the time to be heard");
  if (!Present().empty() && random_.Chance(kTablesLater)) {
    if (StartJoined(machine)) report_->sometimes.Note("runs without tables");
    return;
  }
  Expect(machine, MakeAppFile(&node, tables_));
}

// One step of a node whose application has made no tables yet. It ends when the node hears that
// others have tables, and joins again, when it has followed their schema, or when its application
// makes its own tables. It must not store a
// snapshot.
void Simulation::StepWithoutTables(Machine* machine) {
  SimNode& node = *machine->node;
  PlanFault(machine, /*sidecar=*/true);
  node.StepConsumer();
  node.StepPublisher();
  node.StepKeeper();
  node.StepSnapshots();
  EndFault(machine);
  if (!node.running()) return;
  const bool elsewhere = node.shared().tables_elsewhere();
  const bool application = !healed_ ? random_.Chance(kMakesTables) : Present().empty();
  const bool followed = node.shared().applied().schema_fingerprint != ledger::kNoTables;
  if (node.snapshots_made() > 0 && !followed)
    return Fail(machine, "it stored a snapshot without having tables");
  if (!elsewhere && !application && !followed) return;
  const char* what = followed    ? "tables of others made on a node that ran without any"
                     : elsewhere ? "joined again"
                                 : "tables made on a node that ran without any";
  Trace(fmt::format("{}: {}", node.id(), what));
  report_->sometimes.Note(what);
  node.Crash();
  if (!elsewhere && !followed) Expect(machine, MakeAppFile(&node, tables_));
}

// Starts the node on a new file. Returns false if it is still down.
bool Simulation::StartJoined(Machine* machine) {
  SimNode& node = *machine->node;
  const Status started = node.Start();
  Trace(fmt::format("{} starts with a new file: {}", node.id(), started.ok()));
  if (!started.ok() && started.error().code() != ErrorCode::kRetryLater && !node.disk().faulted())
    Expect(machine, started);
  // The next step may crash the node, and the start after it begin another incarnation.
  if (started.ok())
    if (auto picture = node.Look(); picture.ok()) NoteNewLife(node, **picture);
  return started.ok();
}

void Simulation::Arrive(Machine* machine) {
  machine->absent = false;
  if (machine->restored_snapshot) report_->sometimes.Note("joined from a snapshot");
  machine->restored_snapshot = false;
  Expect(machine, machine->app->Open());
}

// Cuts a machine off from all servers, in half of the cases without its sidecar. Its application
// goes on writing.
void Simulation::SendAway(Machine* machine) {
  if (machine->away_until > report_->steps || machine->doubtful) return;
  SimNode& node = *machine->node;
  machine->away_until = report_->steps + random_.Between(100, 350);
  Trace(fmt::format("{} is away until step {}", node.id(), machine->away_until));
  report_->sometimes.Note("machine away");
  if (random_.Chance(0.5)) {
    node.Crash();
    machine->paused_until = machine->away_until;
  }
  node.log.connected = node.meta.connected = node.store.connected = false;
}

bool Simulation::AnyAway() const {
  return std::any_of(machines_.begin(), machines_.end(),
                     [](const Machine& machine) { return machine.away_until > 0; });
}

void Simulation::EndAway(Machine* machine) {
  if (machine->away_until == 0) return;
  machine->away_until = 0;
  SimNode& node = *machine->node;
  node.log.connected = node.meta.connected = node.store.connected = true;
  // The log may have been trimmed meanwhile. Where files may be copies it is not, because a copy
  // finds out from the log that it is one.
  if (!mix_[Fault::kRestore] && !mix_[Fault::kClone] && random_.Chance(0.7))
    log_->Trim(random_.Below(6));
}

}  // namespace harmonylite::sim
