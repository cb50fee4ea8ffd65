// The phase of liveness: everything heals, and the nodes must come to rest, equal, within a bounded
// number of rounds.
#include <fmt/format.h>

#include <algorithm>

#include "sim/simulation.h"

namespace harmonylite::sim {

using node::HoldKind;
using node::StepResult;

namespace {

constexpr int64_t kMostRounds = 2'000;
constexpr int64_t kRoundMs = 200;
constexpr int64_t kLullRoundMs = 1'500;
// When all nodes are equal, repair requests may still be under way. They are answered within
// kSettlingRounds. After that nothing may be published any more, until kQuietRounds rounds have
// passed in all.
constexpr int64_t kSettlingRounds = 20;
constexpr int64_t kQuietRounds = 100;
constexpr int64_t kStepsInRound = 50;

}  // namespace

// Gives the nodes time to catch up with each other in the middle of a history: everything is within
// reach, and nothing breaks, while the applications go on writing. What needs all members, such as
// forgetting tombstones and retiring origins, happens here, so that later faults meet it.
void Simulation::Lull() {
  Trace("lull");
  report_->sometimes.Note("lull");
  const int64_t rounds = random_.Between(8, 40);
  for (int64_t round = 0; round < rounds && !failed(); ++round) {
    world_.Advance(kLullRoundMs);
    for (Machine& machine : machines_) {
      SimNode& node = *machine.node;
      if (machine.absent || machine.away_until > report_->steps || machine.clone != nullptr)
        continue;
      node.log.connected = node.meta.connected = true;
      node.meta.behind = 0;
      if (mix_[Fault::kNoSpool]) node.SetSpools(true);
      NoteUnseen(&machine);
      machine.app->SetDoubtful(machine.doubtful.has_value() || machine.cloned);
      if (round % 4 == 0) Expect(&machine, machine.app->Step(false));
      if (!node.running()) StepWorker(&machine, 1);
      RunRound(&machine);
    }
  }
}

// Begins the phase of liveness: ends all faults, open transactions and clones, and runs the
// migrations that are missing. LackObjects() may leave a machine that can read none of the present
// snapshots.
void Simulation::Heal() {
  Trace("heal");
  healed_ = true;
  // Batches with stamps from a clock that was ahead are held until that time has come.
  world_.Advance(std::max<int64_t>(0, latest_wall_ms_ - world_.now_ms));
  for (Machine& machine : machines_) {
    machine.node->Heal();
    LackObjects(&machine);
    machine.paused_until = 0;
    if (machine.absent && machine.clone != nullptr) EndClone(&machine);
    if (machine.absent) continue;
    Expect(&machine, machine.app->Finish());
    if (machine.clone != nullptr) MeetNamesake(&machine);
    MigrateAll(&machine);
    if (mix_[Fault::kMigrate] && machine.node->running()) Work(&machine);
  }
  if (!mix_[Fault::kMigrate]) return;
  // Every application writes to the new table before it has heard of the others' rows, so that
  // these clash.
  for (Machine* machine : Present()) Expect(machine, machine->app->WriteToLater());
}

// True if all nodes have come to rest with equal vectors: everything is published, read and
// applied, nothing is asked for, and only batches that no node can ever apply are held.
bool Simulation::Settled() {
  std::optional<change::ProgressVector> vector;
  for (Machine& machine : machines_) {
    SimNode& node = *machine.node;
    if (machine.absent || !node.running() || !node.drained() || machine.asked) return false;
    if (node.shared().resync_wish() || node.merging()) return false;
    const auto applied = node.shared().applied();
    if (!applied.caught_up) return false;
    for (const node::Hold& hold : applied.holds) {
      if (!WaitsForGood(hold)) return false;
      report_->sometimes.Note("a former life's batch is held for good");
    }
  }
  for (Machine& machine : machines_) {
    auto picture = machine.node->Look();
    if (!picture.ok()) return false;
    if (vector && *vector != (*picture)->vector) return false;
    vector = (*picture)->vector;
  }
  return true;
}

// True if a held batch will never be applied, and need not be. It was sent by an incarnation that
// no node is any more, and it waits for earlier changes of that incarnation, for its rows in the
// present shape of the tables, or for deletes that it should have seen; no file can send any of
// these under that origin. A node that took such changes over has sent them as its own.
bool Simulation::WaitsForGood(const node::Hold& hold) {
  if (hold.kind != HoldKind::kMissing && hold.kind != HoldKind::kSchema &&
      hold.kind != HoldKind::kStale)
    return false;
  return std::none_of(machines_.begin(), machines_.end(), [&](const Machine& machine) {
    return !machine.absent && machine.node->running() &&
           machine.node->shared().self() == hold.origin;
  });
}

// One round of a node's publisher and consumer. Like their threads, each goes on while it reports
// progress, because one step may do no more than refuse one of the batches that cannot be applied
// yet. While a snapshot is merged, the consumer's steps go through StepWorker(), which notes the
// rows that a merge writes.
void Simulation::Work(Machine* machine) {
  SimNode& node = *machine->node;
  for (int64_t i = 0; i < kStepsInRound; ++i)
    if (node.StepPublisher().kind != StepResult::kProgress) break;
  for (int64_t i = 0; i < kStepsInRound && !node.merging(); ++i)
    if (node.StepConsumer().kind != StepResult::kProgress) break;
  for (int64_t i = 0; i < kStepsInRound && node.merging() && !failed(); ++i) StepWorker(machine, 1);
  NoteProgress(machine);
}

// One round of a node's workers, as far as its process lives.
void Simulation::RunRound(Machine* machine) {
  SimNode& node = *machine->node;
  if (!node.running()) return;
  Work(machine);
  if (!node.running()) return;
  node.StepKeeper();
  EndIfRivalled(machine);
  if (!node.running()) return;
  if (mix_[Fault::kSnapshots]) node.StepSnapshots();
  NoteProgress(machine);
}

// Runs all nodes round by round until they have come to rest and have stayed at rest for
// kQuietRounds rounds. It is a violation if they do not, or if they move again.
void Simulation::Settle() {
  int64_t quiet = 0;
  ports::LogSeq last;
  for (int64_t round = 0; round < kMostRounds && !failed(); ++round) {
    world_.Advance(kRoundMs);
    for (Machine& machine : machines_) {
      if (machine.absent) {
        StepJoin(&machine);
        if (!machine.absent) MigrateAll(&machine);
        continue;
      }
      SimNode& node = *machine.node;
      if (!node.running()) Expect(&machine, node.Start());
      if (!node.running()) return;
      RunRound(&machine);
    }
    if (quiet == 0 && (round % 4 != 0 || !Settled() || LoseFileAtRest())) continue;
    if (++quiet <= kSettlingRounds) last = log_->State().last;
    if (quiet < kQuietRounds) continue;
    if (log_->State().last != last) Fail(nullptr, "something is published though nothing changes");
    if (!Settled()) Fail(nullptr, "the nodes had come to rest and moved again");
    report_->sometimes.Note("settled");
    return;
  }
  if (failed()) return;
  std::string why;
  for (Machine& machine : machines_) {
    if (machine.absent) {
      why += fmt::format("; node {} has not joined", machine.node->id());
      continue;
    }
    auto picture = machine.node->Look();
    why += fmt::format("; node {}{}:", machine.node->id(),
                       machine.node->drained() ? "" : " (not drained)");
    if (picture.ok())
      for (const auto& [origin, lseq] : (*picture)->vector.map())
        why += fmt::format(" {}={}", ToString(origin), lseq.value);
    for (const node::Hold& hold : machine.node->shared().applied().holds)
      why += " [" + hold.reason + "]";
  }
  Fail(nullptr, "the nodes do not come to rest" + why);
}

// The checks at the end of a history: all checkers once more, SQLite's own check, the lists of
// conflicts, and the ledger, for which one file stands for all, as they are equal.
void Simulation::CheckEnd() {
  for (Machine& machine : machines_) {
    machine.cloned = false;
    Look(&machine);
  }
  LookAtAll();
  for (Machine& machine : machines_) {
    auto end = machine.node->Look();
    if (!end.ok()) return Fail(&machine, end.error().message());
    if (!(*end)->settled)
      return Fail(&machine, "something is not folded or still pending at the end");
  }
  for (Machine& machine : machines_) {
    auto db = machine.node->checker();
    if (!db.ok()) return Fail(&machine, db.error().message());
    Check(&machine, CheckIntegrity(*db));
  }
  CheckLosers();
  auto picture = machines_[0].node->Look();
  if (!picture.ok()) return Fail(&machines_[0], picture.error().message());
  Check(&machines_[0], CheckLedger(**picture, ledger_));
  Check(&machines_[0], CheckAutomaticIds(ledger_));
  for (const auto& [table, rows] : (*picture)->rows)
    for (const auto& [key, image] : rows)
      for (const auto& [column, value] : image) Trace(table + key + column + value);
}

void Simulation::CheckLosers() {
  // The list of conflicts is lost with a file that was replaced, and rows of its former life may
  // come back from any other node without a conflict being listed again.
  if (went_back_ || !conflicts_known_) return;
  Losers losers;
  for (Machine& machine : machines_) {
    auto db = machine.node->checker();
    if (!db.ok()) return Fail(&machine, db.error().message());
    Expect(&machine, ReadLosers(*db, &losers));
  }
  report_->sometimes.Note("conflict listed", static_cast<int64_t>(losers.size()));
  // A row that was altered is not there any more, so the product could not list it when it lost.
  for (const auto& one : alterations_.all())
    if (one->version)
      losers.emplace(one->table, one->version->hlc, one->version->origin.node.value);
  Check(nullptr, CheckConflicts(ledger_, losers));
}

}  // namespace harmonylite::sim
