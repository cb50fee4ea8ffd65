// The phase of liveness: everything heals, and the nodes must come to rest, equal.
#include <fmt/format.h>

#include <algorithm>

#include "sim/simulation.h"

namespace harmonylite::sim {

using node::HoldKind;
using node::StepResult;

namespace {

constexpr int64_t kMostRounds = 2'000;
constexpr int64_t kRoundMs = 200;
// Requests that were under way when all were equal are answered within the first; then nothing may move.
constexpr int64_t kSettlingRounds = 20;
constexpr int64_t kQuietRounds = 100;
constexpr int64_t kStepsInRound = 50;

}  // namespace

void Simulation::Heal() {
  Trace("heal");
  healed_ = true;
  // Stamps from a clock that was ahead are held until that time has come.
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
  // Each before it has heard of the others.
  for (Machine* machine : Present()) Expect(machine, machine->app->WriteToLater());
}

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

// A batch that a former life of a node sent, and that no node can apply: what comes before it, or what it was in the
// tables' present shape, is in no file under that life's name. The file's own node, if it has the changes, has sent
// them as its new life's.
bool Simulation::WaitsForGood(const node::Hold& hold) {
  if (hold.kind != HoldKind::kMissing && hold.kind != HoldKind::kSchema) return false;
  return std::none_of(machines_.begin(), machines_.end(), [&](const Machine& machine) {
    return !machine.absent && machine.node->running() && machine.node->shared().self() == hold.origin;
  });
}

// Each goes on while it says that there is more to do, as their threads do: of the batches that cannot be applied yet
// a step refuses one, and undoes itself.
void Simulation::Work(Machine* machine) {
  SimNode& node = *machine->node;
  for (int64_t i = 0; i < kStepsInRound; ++i)
    if (node.StepPublisher().kind != StepResult::kProgress) break;
  for (int64_t i = 0; i < kStepsInRound && !node.merging(); ++i)
    if (node.StepConsumer().kind != StepResult::kProgress) break;
  for (int64_t i = 0; i < kStepsInRound && node.merging() && !failed(); ++i) StepWorker(machine, 1);
  NoteProgress(machine);
}

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
      Work(&machine);
      node.StepKeeper();
      EndIfRivalled(&machine);
      if (!node.running()) continue;
      if (mix_[Fault::kSnapshots]) node.StepSnapshots();
      NoteProgress(&machine);
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

void Simulation::CheckEnd() {
  for (Machine& machine : machines_) {
    machine.cloned = false;
    Look(&machine);
  }
  LookAtAll();
  for (Machine& machine : machines_) {
    auto end = machine.node->Look();
    if (!end.ok()) return Fail(&machine, end.error().message());
    if (!(*end)->settled) return Fail(&machine, "something is not folded or still pending at the end");
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
  for (const auto& [table, rows] : (*picture)->rows)
    for (const auto& [key, image] : rows)
      for (const auto& [column, value] : image) Trace(table + key + column + value);
}

void Simulation::CheckLosers() {
  // A file that was replaced took its list along; its former life's rows may be met again as anybody's.
  if (went_back_ || !conflicts_known_) return;
  Losers losers;
  for (Machine& machine : machines_) {
    auto db = machine.node->checker();
    if (!db.ok()) return Fail(&machine, db.error().message());
    Expect(&machine, ReadLosers(*db, &losers));
  }
  report_->sometimes.Note("conflict listed", static_cast<int64_t>(losers.size()));
  // What was altered is not there any more to be listed.
  for (const auto& one : alterations_.all())
    if (one->version) losers.emplace(one->table, one->version->hlc, one->version->origin.node.value);
  Check(nullptr, CheckConflicts(ledger_, losers));
}

}  // namespace harmonylite::sim
