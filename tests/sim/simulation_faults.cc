// Which faults a history has, and the faults that come between two steps: of the log, the registry,
// clocks, files, processes and schemas.
#include <fmt/format.h>

#include <algorithm>

#include "sim/simulation.h"

namespace harmonylite::sim {

namespace {

constexpr double kWithSnapshots = 0.25;  // share of the histories
constexpr double kAllTables = 0.15;      // probability of all tables where no migration needs them
constexpr int64_t kStatesLost = 20;      // a server's power cut loses fewer states of the registry
constexpr double kCopiedBehind = 0.5;    // share of the histories in which clocks jump
constexpr int64_t kBehindMs = 20'000;    // how far a clock is put back when a file is copied
constexpr double kLulls = 0.15;          // share of the faults that are lulls
constexpr int64_t kYears = 3 * int64_t{365} * 24 * 3'600'000;

// The number that one life of a machine had reached in a table that counts up, as a file shows it.
int64_t Counted(const Picture& picture, const std::string& table, int64_t who) {
  const auto& rows = picture.rows.at(table);
  const auto row = rows.find(std::to_string(who));
  return row == rows.end() ? 0 : std::stoll(row->second.at("n"));
}

}  // namespace

// Draws the faults of a history. Kinds that were added later are drawn from generators of their
// own, so that the draws for the older kinds stay what they were. One history in ten is calm:
// nothing breaks in it, although rows may be altered.
void Simulation::DrawMix(uint64_t seed) {
  Random random(seed);
  const bool calm = random.Chance(0.1);
  for (size_t i = 0; i < static_cast<size_t>(Fault::kVerify); ++i)
    mix_.Set(static_cast<Fault>(i),
             random.Chance(i < static_cast<size_t>(Fault::kLostPublish) ? 0.3 : 0.5) && !calm);
  mix_.Set(Fault::kSnapshots, random.Chance(kWithSnapshots));
  for (const Fault fault : {Fault::kStoreFails, Fault::kJoin, Fault::kAway})
    mix_.Set(fault, mix_[Fault::kSnapshots] && random.Chance(0.6) && !calm);
  // Where copies of files run, nobody may be away for so long that it is evicted: see
  // DrawSnapshots().
  if (mix_[Fault::kRestore] || mix_[Fault::kClone]) mix_.Set(Fault::kAway, false);
  DrawVerify(seed);
  DrawTables(seed);
  Random apart(SeedOf(seed, 4));
  for (const Fault fault : {Fault::kOlderMeta, Fault::kNoSpool})
    mix_.Set(fault, apart.Chance(0.3) && !calm);
  copied_behind_ = mix_[Fault::kClockJump] && Random(SeedOf(seed, 3)).Chance(kCopiedBehind);
  Random power(SeedOf(seed, 5));
  mix_.Set(Fault::kServerHere, power.Chance(0.3) && !calm);
  mix_.Set(Fault::kLazySync, power.Chance(0.3) && !calm);
  mix_.Set(Fault::kLull, Random(SeedOf(seed, 6)).Chance(0.4));
  mix_.Set(Fault::kVacuum, Random(SeedOf(seed, 7)).Chance(0.4) && tables_.Has(TableGroup::kLinks));
  mix_.Set(Fault::kFollow, mix_[Fault::kMigrate] && Random(SeedOf(seed, 8)).Chance(0.5));
  if (options_.only.any()) mix_ = options_.only;
  mix_.Remove(options_.without);
  const auto chance = [&](Fault fault) { return mix_[fault] ? 0.15 : 0; };
  log_faults_ = {chance(Fault::kLostPublish), chance(Fault::kLostAck), chance(Fault::kLostReader),
                 chance(Fault::kNotReady)};
}

// Draws the application's tables. Most histories have few: a history costs more with every table,
// and the fewer there are, the more often each is written to. Migrations need all tables.
void Simulation::DrawTables(uint64_t seed) {
  Random random(SeedOf(seed, 2));
  const bool migrates = mix_[Fault::kMigrate] || options_.only[Fault::kMigrate];
  if (migrates || options_.all_tables || random.Chance(kAllTables)) return;
  const std::vector<TableGroups> few = TableGroups::Few();
  tables_ = few[random.Below(static_cast<int64_t>(few.size()))];
}

void Simulation::DrawFault() {
  Machine& machine = AnyMachine();
  if (machine.absent) return;
  if (mix_[Fault::kLull] && random_.Chance(kLulls)) return Lull();
  if (mix_[Fault::kSnapshots] && random_.Chance(0.35)) {
    const int64_t what = random_.Below(3);
    if (what == 0 && mix_[Fault::kJoin]) return LoseFile(&machine);
    if (what == 1 && mix_[Fault::kAway]) return SendAway(&machine);
    if (what == 2 && mix_[Fault::kStoreFails]) return FaultOfSnapshots();
  }
  switch (random_.Below(18)) {
    case 0:
    case 1:
      if (mix_[Fault::kCrash]) Crash(&machine);
      return;
    case 2:
      if (mix_[Fault::kKill]) Kill(&machine);
      return;
    case 3:
      if (mix_[Fault::kRestore] && (!mix_[Fault::kClone] || random_.Chance(0.5)))
        Restore(&machine);
      else if (mix_[Fault::kClone])
        Clone(&machine);
      return;
    case 4:
      if (mix_[Fault::kCutOff]) CutOff(&machine);
      return;
    case 5:
      if (mix_[Fault::kClockJump] || mix_[Fault::kFarClock] || mix_[Fault::kClockYears])
        JumpClock(&machine);
      return;
    case 6:
      if (mix_[Fault::kOlderMeta] && random_.Chance(0.7)) return ShowOlderMeta(&machine);
      if (!mix_[Fault::kForgetMeta]) return;
      Trace("registry forgets");
      meta_.Forget();
      ledger_.NoteRegistryLost();
      report_->sometimes.Note("registry forgot");
      return;
    case 7:
      if (mix_[Fault::kMigrate]) Migrate(&machine);
      return;
    case 8:
      if (mix_[Fault::kNoSpool] && random_.Chance(0.5)) return ToggleSpools(&machine);
      if (mix_[Fault::kPause]) Pause(&machine);
      return;
    case 9:
      if (mix_[Fault::kVacuum] && random_.Chance(0.7)) return Vacuum(&machine);
      if (mix_[Fault::kRebuild]) Rebuild(&machine);
      return;
    default:
      FaultOfStore(random_.Below(8));
  }
}

// A fault of the replication log, if the history has faults of the kind drawn.
void Simulation::FaultOfStore(int64_t which) {
  Trace(fmt::format("store {}", which));
  switch (which) {
    case 0:
      if (mix_[Fault::kTrim]) log_->Trim(random_.Below(random_.Chance(0.5) ? 2 : 12));
      return;
    case 1:
      if (mix_[Fault::kWipe]) log_->Wipe();
      return;
    case 2:
      if (mix_[Fault::kOlderLog]) log_->Remember();
      return;
    case 3:
      if (mix_[Fault::kOlderLog]) log_->PutBack();
      return;
    case 4:
      if (mix_[Fault::kDamage]) log_->Damage(&random_);
      return;
    case 5:
      if (mix_[Fault::kStoreTwice]) log_->StoreTwice(&random_);
      return;
    default:
      log_->DropReaders();
  }
}

void Simulation::Crash(Machine* machine) {
  if (!machine->node->running()) return;
  Trace(fmt::format("{} crashes", machine->node->id()));
  machine->node->Crash();
  report_->sometimes.Note("sidecar crashed");
}

void Simulation::Kill(Machine* machine) {
  Trace(fmt::format("{} is killed", machine->node->id()));
  CutPower(machine);
  report_->sometimes.Note("machine killed");
}

// The whole machine loses power. Of its disk, what was synced is left, with any part of the rest;
// its memory, and with it the sent mark, is lost. If the machine also runs the server, the log goes
// back to what was synced and the registry to some recent state. If the application syncs lazily,
// its commits may be gone: the file then begins another life.
void Simulation::CutPower(Machine* machine) {
  SimNode& node = *machine->node;
  node.sent_mark.mark.reset();
  if (mix_[Fault::kServerHere] && machine == &machines_.front()) {
    log_->LosePower();
    meta_.PutBack(static_cast<size_t>(random_.Below(kStatesLost)));
    ledger_.NoteRegistryLost();
  }
  Reboot(machine, node.disk().AfterPowerLoss());
  if (!mix_[Fault::kLazySync] || machine->absent || failed()) return;
  auto left = node.Look();
  if (!left.ok()) return Fail(machine, left.error().message());
  if ((*left)->last_change >= ledger_.NewestOf(node.who())) return;
  report_->sometimes.Note("commits lost with the power");
  BeginLife(machine, **left);
}

// An older state of a file, `file`, has taken the file's place: another life of the machine begins
// and counts on from there.
void Simulation::BeginLife(Machine* machine, const Picture& file) {
  MarkLost(machine->node->who(), {file});
  ++machine->node->life;
  machine->doubtful = file.self;
  went_back_ = true;
}

// Starts a machine again with `files` on its disk. The sidecar stays down until a later step starts
// it.
void Simulation::Reboot(Machine* machine, const SimDisk::Files& files) {
  machine->node->Crash();
  machine->app->Close();
  machine->node->UseFiles(files);
  machine->join.reset();
  if (machine->absent) return;
  // Changes that the sidecar had applied but not synced may be gone, so reads may go back and begin
  // anew.
  machine->seen = {};
  Expect(machine, machine->app->Open());
}

// Restores a file from a backup. The first call takes the backup; a later one puts it in the file's
// place. A history restores a file or clones a machine, and does so once.
void Simulation::Restore(Machine* machine) {
  SimNode& node = *machine->node;
  if (!may_restore_) return;
  if (machine->backup.empty()) {
    Trace(fmt::format("{} is copied", node.id()));
    machine->backup = node.disk().Copy();
    SetClockBehind(machine);
    machine->restore_from = report_->steps + random_.Between(5, 150);
    return;
  }
  if (report_->steps < machine->restore_from) return;
  auto copy = node.LookAt(machine->backup);
  if (!copy.ok()) return Fail(machine, copy.error().message());
  auto now = node.Look();
  if (!now.ok() || CountsFurther(node.who(), *copy, **now)) return;
  Trace(fmt::format("{} is restored", node.id()));
  // The machine may be restarted for this, which empties its memory, or not.
  if (random_.Chance(0.5)) node.sent_mark.mark.reset();
  Reboot(machine, machine->backup);
  BeginLife(machine, *copy);
  may_restore_ = false;
  // The application may write for long before the sidecar starts.
  if (random_.Chance(0.5)) machine->paused_until = report_->steps + random_.Between(20, 150);
  report_->sometimes.Note("file restored");
}

// In some histories, puts a machine's clock behind the stamps of its file when the file is copied.
// The machine and its copy then both count on from the newest stamp, and only the random step keeps
// their stamps apart (docs/decisions/0006-random-step.md).
void Simulation::SetClockBehind(Machine* machine) {
  if (copied_behind_) machine->node->clock.offset_ms -= kBehindMs;
}

// True if a copy is ahead of the file that it was taken from, because a power cut has taken commits
// from the file since, or because the copy has a COMMIT that failed. Such a copy is not used: the
// checkers would take an application that counts on from less for one that counts back.
bool Simulation::CountsFurther(int64_t who, const Picture& copy, const Picture& now) {
  return Counted(copy, "counter_left", who) > Counted(now, "counter_left", who) ||
         Counted(copy, "chain", who) > Counted(now, "chain", who);
}

// Marks in the ledger which writes may be lost (P9) now that the file of life `who` of a machine is
// gone: those that no other file has, nor anything newer. The other files are those of all other
// machines and, in addition, the pictures in `kept`. The writes of lives that were lost earlier are
// judged again, because the file that is gone now may have been the last one that had them.
void Simulation::MarkLost(int64_t who, std::vector<Picture> kept) {
  lost_lives_.insert(who);
  for (Machine& other : machines_) {
    if (other.absent || other.node->who() == who) continue;
    auto picture = other.node->Look();
    if (!picture.ok()) return Fail(&other, picture.error().message());
    kept.push_back(**picture);
  }
  for (auto& [table, keys] : ledger_.writes())
    for (auto& [key, writes] : keys)
      for (Write& write : writes) {
        if (!lost_lives_.contains(write.who)) continue;
        write.may_be_lost |= std::none_of(kept.begin(), kept.end(), [&](const Picture& picture) {
          const auto& versions = picture.versions.at(table);
          const auto version = versions.find(key);
          if (version == versions.end())
            return ForgottenDelete(picture, ledger_, table, key, Rank(write)).has_value();
          return Rank(version->second) >= Rank(write);
        });
      }
}

void Simulation::JumpClock(Machine* machine) {
  int64_t offset = random_.Between(-20'000, 20'000);
  if (mix_[Fault::kFarClock] && random_.Chance(0.5))
    offset = random_.Between(-3'600'000, 3'600'000);
  if (mix_[Fault::kClockYears] && random_.Chance(0.3)) {
    offset = random_.Between(-kYears, kYears);
    report_->sometimes.Note("clock jumped by years");
  }
  Trace(fmt::format("{} clock {}", machine->node->id(), offset));
  machine->node->clock.offset_ms = offset;
  report_->sometimes.Note(std::abs(offset) > 60'000 ? "clock jumped beyond skew" : "clock jumped");
}

// Cuts a node off from the log and the registry, or connects it again.
void Simulation::CutOff(Machine* machine) {
  SimNode& node = *machine->node;
  node.log.connected = node.meta.connected = !node.log.connected;
  Trace(fmt::format("{} connected {}", node.id(), node.log.connected));
  if (!node.log.connected) report_->sometimes.Note("node cut off");
}

// The registry loses its newest writes for all nodes, or a replica that lags shows one node older
// states. A sidecar that crashes just before then finds what its former processes wrote there.
void Simulation::ShowOlderMeta(Machine* machine) {
  if (random_.Chance(0.5)) Crash(machine);
  const auto back = static_cast<size_t>(random_.Below(static_cast<int64_t>(meta_.states())));
  const bool everybody = random_.Chance(0.5);
  Trace(fmt::format("registry as {} states ago for {}", back, everybody ? 0 : machine->node->id()));
  if (everybody) {
    meta_.PutBack(back);
    ledger_.NoteRegistryLost();
  } else {
    machine->node->meta.behind = back;
  }
  report_->sometimes.Note(everybody ? "registry put back" : "registry lags");
}

void Simulation::ToggleSpools(Machine* machine) {
  SimNode& node = *machine->node;
  node.SetSpools(!node.spools());
  Trace(fmt::format("{} spools {}", node.id(), node.spools()));
  if (!node.spools()) report_->sometimes.Note("no room for temporary files");
}

// Runs the next migration of a machine's application, or several at once.
void Simulation::Migrate(Machine* machine) {
  if (machine->app->holds()) return;
  do {
    auto migrated = machine->app->Migrate();
    if (!migrated.ok()) return Fail(machine, migrated.error().message());
    Trace(fmt::format("{} migrates to {}", machine->node->id(), migrated->value_or(-1)));
    report_->sometimes.Note("schema changed");
    if (!*migrated) return;
  } while (random_.Chance(0.7));
}

void Simulation::Rebuild(Machine* machine) {
  if (machine->app->holds()) return;
  auto rebuilt = machine->app->RebuildTable();
  if (!rebuilt.ok()) return Fail(machine, rebuilt.error().message());
  if (!*rebuilt) return;
  Trace(fmt::format("{} rebuilds a table", machine->node->id()));
  report_->sometimes.Note("table rebuilt");
}

void Simulation::Vacuum(Machine* machine) {
  if (machine->app->holds()) return;
  auto done = machine->app->Vacuum();
  if (!done.ok()) return Fail(machine, done.error().message());
  Trace(fmt::format("{} runs VACUUM{}", machine->node->id(), *done ? "" : ": locked"));
  if (*done) report_->sometimes.Note("VACUUM");
}

// Gives a sidecar no time for a while, as if its process were stopped or its disk slow. Its
// application and the other nodes go on, so it falls behind in reading the log.
void Simulation::Pause(Machine* machine) {
  machine->paused_until = report_->steps + random_.Between(20, 150);
  Trace(fmt::format("{} pauses until step {}", machine->node->id(), machine->paused_until));
  report_->sometimes.Note("sidecar paused");
}

}  // namespace harmonylite::sim
