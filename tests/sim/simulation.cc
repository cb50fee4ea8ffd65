#include "sim/simulation.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "node/cluster/heartbeat.h"
#include "sim/app_file.h"
#include "sim/join_history.h"
#include "sim/schema_history.h"

namespace harmonylite::sim {

using node::HoldKind;
using node::StepResult;

namespace {

constexpr size_t kMostNodes = 4;
// The share of machines whose file begins without HarmonyLite. The others begin with a file to
// which it is attached already, because attaching costs as much as the rest of a history.
constexpr double kFreshFile = 0.06;
// The number of steps in the phase of safety: between kShortest and kMiddling, or, in a share of
// kLong of the histories, between kShortest and kLongest. docs/testing.md says how these were
// measured: very short histories are inefficient, because the beginning and the end of a history
// cost much, and some bugs need long ones.
constexpr int64_t kShortest = 80;
constexpr int64_t kMiddling = 300;
constexpr int64_t kLongest = 700;
constexpr double kLong = 0.3;
constexpr int64_t kLookEvery = 12;        // steps between two looks at one machine
constexpr int64_t kLookAtAllEvery = 40;   // steps between two looks at all machines
constexpr int64_t kTellEvery = 8;         // steps of a consumer of which CheckTold() sees one
constexpr int64_t kTwiceByChance = 2;     // changes that two lives may give alike: ExcuseChance()
constexpr double kFarFromTheStart = 0.4;  // probability that the first clock is an hour ahead
constexpr int64_t kHourMs = 3'600'000;
constexpr double kServerSyncs = 0.03;  // probability, in a step, that the server syncs the log

int NullDevice() {
  static const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  return fd;
}

bool Has(const std::vector<node::Hold>& holds, HoldKind kind) {
  return std::any_of(holds.begin(), holds.end(),
                     [&](const node::Hold& hold) { return hold.kind == kind; });
}

}  // namespace

Simulation::Simulation(const HistoryOptions& options, HistoryReport* report)
    : options_(options),
      report_(report),
      random_(options.seed),
      logger_(options.verbose ? STDERR_FILENO : NullDevice(), LogFormat::kConsole,
              options.verbose ? LogLevel::kDebug : LogLevel::kError) {}

// --- Reporting ---

void Simulation::Trace(const std::string& what) {
  if (options_.verbose)
    std::fprintf(stderr, "[%6lld ms] %s\n", static_cast<long long>(world_.elapsed_ms),
                 what.c_str());
  report_->AddToTrace(what);
}

void Simulation::Fail(const Machine* machine, const std::string& what) {
  if (failed()) return;
  report_->violation =
      fmt::format("at {} ms{}: {}", world_.elapsed_ms,
                  machine == nullptr ? "" : fmt::format(", node {}", machine->node->id()), what);
  Trace("VIOLATION " + *report_->violation);
}

void Simulation::Check(const Machine* machine, const Violation& violation) {
  if (violation) Fail(machine, *violation);
}

void Simulation::Expect(const Machine* machine, const Status& status) {
  if (!status.ok()) Fail(machine, "unexpected error: " + status.error().message());
}

// --- The phase of safety ---

bool Simulation::SetUp() {
  DrawMix(options_.seed);
  MakeAttachedFiles(mix_[Fault::kHideOrphans], tables_);
  report_->mix = mix_;
  BeginStep(UINT64_MAX);
  log_ = std::make_unique<SimLog>(&world_, &report_->sometimes,
                                  random_.Chance(0.5) ? random_.Between(600, 3'000) : 1 << 20);
  // Most histories have three nodes, three of ten have two, and one of ten has four.
  const int64_t nodes = random_.Below(10);
  // Few and small, so that nodes run out of both.
  id_layout_ = {16, random_.Chance(0.5) ? 4 : 8};
  DrawSnapshots();
  if (mix_[Fault::kVerify]) verify_interval_ms_ = random_.Between(2'000, 10'000);
  machines_.resize(std::min(options_.most_nodes, nodes < 3 ? 2 : nodes < 9 ? 3 : kMostNodes));
  report_->nodes = machines_.size();
  for (size_t i = 0; i < machines_.size(); ++i) {
    Machine& machine = machines_[i];
    const auto id = static_cast<uint64_t>(i + 1);
    machine.node = std::make_unique<SimNode>(SimNode::Setup{id,
                                                            options_.directory,
                                                            &world_,
                                                            log_.get(),
                                                            &meta_,
                                                            &report_->sometimes,
                                                            &random_,
                                                            &logger_,
                                                            mix_[Fault::kHideOrphans],
                                                            mix_[Fault::kFollow],
                                                            {},
                                                            snapshots_,
                                                            id_layout_,
                                                            verify_interval_ms_});
    machine.app = std::make_unique<App>(machine.node.get(), &ledger_, &random_, &report_->sometimes,
                                        tables_, mix_[Fault::kLazySync]);
    if (random_.Chance(kFreshFile)) {
      Expect(&machine, MakeAppFile(machine.node.get(), tables_));
    } else {
      const AttachedFile& attached = FindAttachedFile(id, mix_[Fault::kHideOrphans], tables_);
      machine.node->UseFiles(attached.files);
      machine.node->sent_mark.mark = attached.mark;
      // The file has a life already. It may be lost to a power cut before it is looked at again.
      if (auto picture = machine.node->Look(); picture.ok())
        NoteNewLife(*machine.node, **picture);
      else
        Fail(&machine, picture.error().message());
    }
  }
  for (Machine& machine : machines_) {
    if (mix_[Fault::kNoSpool]) machine.node->SpoolFrom(random_.Below(400));
    machine.node->log.faults = log_faults_;
    machine.node->store.failing = mix_[Fault::kStoreFails] ? 0.1 : 0;
    machine.node->store.lacking = mix_[Fault::kStoreFails] ? 0.2 : 0;
    machine.node->clock.offset_ms = random_.Between(-2'000, 2'000);
    if (&machine == &machines_.back() && mix_[Fault::kJoin] && random_.Chance(0.5)) {
      ComeLate(&machine);
      continue;
    }
    // A clock that is an hour ahead leads to snapshots with stamps that no other node may take yet.
    if (&machine == &machines_.front() && mix_[Fault::kFarClock] && mix_[Fault::kSnapshots] &&
        random_.Chance(kFarFromTheStart))
      machine.node->clock.offset_ms = kHourMs;
    Expect(&machine, machine.node->Start());
    Expect(&machine, machine.app->Open());
  }
  return !failed();
}

// Seeds the generators anew, so that the draws of a step follow from the history's seed and the
// step's number alone. Shrinking depends on this: a step can be left out without changing the
// others (docs/decisions/0010-faults-by-step.md).
void Simulation::BeginStep(uint64_t index) {
  const uint64_t seed = SeedOf(~options_.seed, index);
  random_ = Random(seed);
  SeedSqlite(seed);
}

// One step of the phase of safety: some time passes, and a random machine gets one step of its
// application or of a worker, or a fault.
void Simulation::Act() {
  world_.Advance(random_.Chance(AnyAway() ? 0.12 : 0.03) ? random_.Between(200, 4'000)
                                                         : random_.Between(0, 20));
  ++report_->steps;
  for (Machine& machine : machines_) {
    machine.latest_wall_ms = std::max(machine.latest_wall_ms, machine.node->clock.WallMs());
    latest_wall_ms_ = std::max(latest_wall_ms_, machine.latest_wall_ms);
  }
  if (mix_[Fault::kServerHere] && random_.Chance(kServerSyncs)) log_->Sync();
  Machine& machine = AnyMachine();
  if (machine.absent) return StepJoin(&machine);
  if (report_->steps > machine.away_until) EndAway(&machine);
  if (report_->steps >= machine.restore_from && random_.Chance(0.1)) return Restore(&machine);
  if (mix_[Fault::kSnapshots] && random_.Chance(0.07)) return StepWorker(&machine, 3);
  if (mix_[Fault::kVerify] && random_.Chance(0.12)) return ActVerify(&machine);
  if (machine.clone != nullptr && random_.Chance(0.5)) return StepClone(&machine);
  const int64_t what = random_.Below(100);
  if (what < 22) return StepApp(&machine);
  if (what < 48) return StepWorker(&machine, 0);
  if (what < 84) return StepWorker(&machine, 1);
  if (what < 93) return StepWorker(&machine, 2);
  if (random_.Chance(0.7)) DrawFault();
}

void Simulation::StepApp(Machine* machine) {
  Trace(fmt::format("{} application", machine->node->id()));
  NoteUnseen(machine);
  PlanFault(machine, /*sidecar=*/false);
  machine->app->SetDoubtful(machine->doubtful.has_value() || machine->cloned);
  Expect(machine, machine->app->Step(mix_[Fault::kHold] && random_.Chance(0.2)));
  EndFault(machine);
}

// A picture of a machine before a step of its consumer. Null: the step is not looked at. A sidecar
// that ends in the step, perhaps after its commit, tells of every table when it starts again.
std::shared_ptr<const Picture> Simulation::LookBefore(Machine* machine) {
  const bool anew = machine->node->merging() || MayRepair();
  if (--machine->steps_until_told > 0 && !anew) return nullptr;
  auto picture = machine->node->Look();
  if (!picture.ok()) Fail(machine, picture.error().message());
  machine->node->told.tables.clear();
  return picture.ok() ? std::move(*picture) : nullptr;
}

void Simulation::LookAfter(Machine* machine, const Picture& before) {
  machine->steps_until_told = kTellEvery;
  if (!machine->node->running()) return;
  auto after = machine->node->Look();
  if (!after.ok()) return Fail(machine, after.error().message());
  Check(machine, CheckTold(before, **after, machine->node->told.tables));
}

// One step of worker `which` of a machine: 0 publisher, 1 consumer, 2 keeper, 3 snapshots, 4
// verifier. A sidecar that is down may be started instead. A fault may be planned for the step, and
// is withdrawn after it.
void Simulation::StepWorker(Machine* machine, int64_t which) {
  SimNode& node = *machine->node;
  if (report_->steps < machine->paused_until) return;
  NoteUnseen(machine);
  if (!node.running()) {
    if (!random_.Chance(0.3)) return;
    PlanFault(machine, /*sidecar=*/true);
    const Status started = node.Start();
    machine->had_rival = machine->clone != nullptr;
    Trace(fmt::format("{} start {}", node.id(), started.ok()));
    // A start may fail because the application holds the file or because the disk has a fault. The
    // process then ends, and a later step starts it again.
    if (!started.ok() && started.error().code() != ErrorCode::kRetryLater && !node.disk().faulted())
      Expect(machine, started);
    return EndFault(machine);
  }
  const bool merges = which == 1 && node.merging();
  const std::shared_ptr<const Picture> before = which == 1 ? LookBefore(machine) : nullptr;
  if (failed()) return;
  PlanFault(machine, /*sidecar=*/true);
  const StepResult result = which == 0   ? node.StepPublisher()
                            : which == 1 ? node.StepConsumer()
                            : which == 2 ? node.StepKeeper()
                            : which == 3 ? node.StepSnapshots()
                                         : node.StepVerifier();
  static constexpr std::array<const char*, 5> kWorkers = {"publisher", "consumer", "keeper",
                                                          "snapshots", "verifier"};
  Trace(fmt::format("{} {} {}", node.id(), kWorkers[static_cast<size_t>(which)],
                    static_cast<int>(result.kind)));
  if (options_.verbose && result.kind == StepResult::kBlocked)
    std::fprintf(stderr, "  blocked: %s\n", result.why.c_str());
  EndFault(machine);
  if (before != nullptr) LookAfter(machine, *before);
  if (before != nullptr && (merges || MayRepair())) NoteAnew(machine, *before, merges);
  EndIfRivalled(machine);
  NoteProgress(machine);
}

// Counts rare paths from what a node reports about itself, and follows whether a file is still in
// doubt.
void Simulation::NoteProgress(Machine* machine) {
  NoteObjects(machine);
  SimNode& node = *machine->node;
  NoteUnseen(machine);
  if (!node.running()) return;
  if (mix_[Fault::kVerify]) NoteAlarm(machine);
  NoteTaking(machine);
  const Origin self = node.shared().self();
  Sometimes& sometimes = report_->sometimes;
  const auto note = [&](bool now, bool* before, const std::string& what) {
    if (now != *before) sometimes.Note(what + (now ? " entered" : " left"));
    *before = now;
  };
  const auto holds = node.shared().applied().holds;
  note(Has(holds, HoldKind::kMissing), &machine->was_missing, "hold for a cause or hole");
  note(Has(holds, HoldKind::kSchema), &machine->was_schema, "hold for a schema");
  note(Has(holds, HoldKind::kClock), &machine->was_clock, "hold for a clock");
  const auto entry = meta_.entries().find(node::HeartbeatKey(NodeId(node.id())));
  bool asks = false;
  if (entry != meta_.entries().end())
    if (auto heartbeat = node::DecodeHeartbeat(entry->second.value); heartbeat.ok())
      asks = heartbeat->asks.has_value();
  note(asks, &machine->asked, "repair request");
  if (machine->doubtful) {
    if (self != *machine->doubtful) sometimes.Note("new incarnation");
    const bool certain = machine->clone == nullptr && node.shared().identified() && node.drained();
    if (self != *machine->doubtful || certain) machine->doubtful.reset();
  }
  // A step that begins a new incarnation may be cut off after its commit, and the next step may
  // begin yet another one. So the file itself is asked.
  if (ledger_.LastOf(self) == 0 || node.shared().incarnation_requested())
    if (auto picture = node.Look(); picture.ok()) NoteNewLife(node, **picture);
  if (mix_[Fault::kSnapshots]) NoteMembers(machine);
}

// Notices a new incarnation of a node's file. The changes that it took over from the former one,
// those after its base, count as its own from then on, also in the ledger. `picture` is of that
// file.
void Simulation::NoteNewLife(const SimNode& node, const Picture& picture) {
  const auto [life, is_new] = lives_.try_emplace(&node, picture.self);
  published_at_birth_.try_emplace(picture.self,
                                  is_new ? picture.incarnation_base : picture.published_to);
  if (!is_new && life->second != picture.self)
    ledger_.NoteTakeOver(picture.self, picture.incarnation_base);
  life->second = picture.self;
  if (ledger_.LastOf(picture.self) == 0 && picture.last_change > picture.incarnation_base)
    ledger_.NoteChange(picture.self, picture.last_change);
}

// Takes what the sidecar itself has journaled about the schema into the ledger.
void Simulation::NoteObjects(Machine* machine) {
  if (machine->absent) return;
  const auto read = [&]() -> Status {
    HL_ASSIGN(sqlite::Connection * db, machine->node->checker());
    HL_ASSIGN(auto state, db->PrepareCached(
                              "SELECT o.value, n.node, n.incarnation FROM __harmonylite__state o, "
                              "__harmonylite__state s, __harmonylite__nodes n WHERE o.key = "
                              "'object_written' AND s.key = 'self' AND n.n = s.value AND o.value > "
                              "coalesce((SELECT value FROM __harmonylite__state WHERE key = "
                              "'incarnation_base'), 0)"));
    HL_ASSIGN(const bool row, state->Step());
    if (!row) return Ok();
    const Origin self{NodeId(static_cast<uint64_t>(state->Int(1))),
                      Incarnation(static_cast<uint32_t>(state->Int(2)))};
    // What a new life took over is noted with all of it (NoteNewLife).
    if (ledger_.LastOf(self) != 0) ledger_.NoteChange(self, state->Int(0));
    return Ok();
  };
  if (Status done = read(); !done.ok()) Fail(machine, done.error().message());
}

// Looks at one machine's file with every checker that needs no other file.
void Simulation::Look(Machine* machine) {
  if (machine->absent) return;
  NoteObjects(machine);
  auto picture = LookCorrected(machine);
  if (!picture.ok()) return Fail(machine, picture.error().message());
  NoteNewLife(*machine->node, **picture);
  Check(machine, CheckSnapshot(**picture, ledger_, &machine->seen, !machine->cloned));
  Check(machine, CheckForward(*picture, ledger_, &machine->seen));
  Check(machine, CheckOwnWrites(**picture, ledger_, machine->node->who()));
  Check(machine, CheckBookkeeping(**picture, ledger_));
  Check(machine, CheckUnique(**picture, ledger_));
  Check(machine, CheckPublished(**picture, *log_, published_at_birth_[(*picture)->self]));
  machine->latest_wall_ms = std::max(machine->latest_wall_ms, machine->node->clock.WallMs());
  LookAtIds(machine);
  Check(machine, CheckStamps(**picture, machine->latest_wall_ms));
  if (mix_[Fault::kHideOrphans]) Check(machine, CheckOrphans(**picture, ledger_));
  NoteShadowed(**picture, machine);
}

// Looks at the ids that a file gives out: they are its own slot's, and the registry names its
// origin as the holder of that slot. The registry may name another one if it has lost entries, if
// the file may not be what its origin stands for, or if others took the node for gone.
void Simulation::LookAtIds(Machine* machine) {
  if (!tables_.Has(TableGroup::kNotes)) return;
  auto db = machine->node->checker();
  if (!db.ok()) return Fail(machine, db.error().message());
  Check(machine, CheckNextId(*db));
  const auto state = ledger::LoadState(*db);
  if (!state.ok()) return Fail(machine, state.error().message());
  if (!state->ids || !state->ids->claimed || ledger_.registry_lost() ||
      ledger_.WasGone(machine->node->id()) || machine->doubtful || machine->cloned)
    return;
  const auto entry = meta_.entries().find(node::IdClaimKey(state->ids->layout, state->ids->slot));
  const bool held =
      entry != meta_.entries().end() && node::EncodeIdClaim(state->self) == entry->second.value;
  if (!held)
    Fail(machine, fmt::format("the file gives out ids of slot {}, which the registry does not say",
                              state->ids->slot));
}

// Counts shadowed and hidden rows, and those that have come back with an unchanged version.
void Simulation::NoteShadowed(const Picture& picture, Machine* machine) {
  ByKey<RowVersion> shadowed;
  for (const auto& [table, keys] : picture.shadowed)
    for (const auto& [key, image] : keys)
      shadowed[table + key] = picture.versions.at(table).at(key);
  for (const auto& [table, rows] : picture.rows)
    for (const auto& [key, image] : rows) {
      const auto before = machine->shadowed.find(table + key);
      if (before != machine->shadowed.end() && before->second == picture.versions.at(table).at(key))
        report_->sometimes.Note(table == "child" ? "orphan came back" : "shadowed row came back");
    }
  for (const auto& [table, keys] : picture.shadowed)
    if (!keys.empty())
      report_->sometimes.Note(table == "child"   ? "orphan hidden"
                              : table == "later" ? "row shadowed by an index of later"
                                                 : "row shadowed");
  machine->shadowed = std::move(shadowed);
}

// Compares the files of all machines in pairs (P4), and the digests of those with equal progress.
// Files that are in doubt are left out: until they are certain, their change numbers may stand for
// other changes.
void Simulation::LookAtAll() {
  std::vector<std::shared_ptr<const Picture>> pictures;
  std::vector<std::shared_ptr<const Picture>> as_they_are;  // altered rows as the files show them
  const std::vector<Machine*> present = Present();
  for (Machine* machine : present) {
    auto picture = LookCorrected(machine);
    auto as_it_is = machine->node->Look();
    if (!picture.ok()) return Fail(machine, picture.error().message());
    if (!as_it_is.ok()) return Fail(machine, as_it_is.error().message());
    pictures.push_back(std::move(*picture));
    as_they_are.push_back(std::move(*as_it_is));
  }
  for (const auto& picture : pictures)
    if (!picture->retired.empty()) report_->sometimes.Note("a file leaves out a retired origin");
  std::vector<std::optional<node::VerifyAnswer>> digests(present.size());
  for (size_t i = 0; i < pictures.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      if (present[i]->doubtful || present[j]->doubtful) continue;
      if (pictures[i]->vector == pictures[j]->vector)
        report_->sometimes.Note("equal progress on the way");
      Check(present[i], CheckConvergence(*pictures[i], *pictures[j], ledger_));
      if (pictures[i]->vector == pictures[j]->vector && pictures[i]->level == pictures[j]->level)
        CompareDigests({present[i], as_they_are[i].get(), &digests[i]},
                       {present[j], as_they_are[j].get(), &digests[j]});
    }
}

// Excuses a violation where a copy of a file and its former life have given two different changes
// the same number and the same stamp. The product cannot tell such changes apart, and names this
// among its limits (P9; docs/decisions/0006-random-step.md). It must stay rare: if more than
// kTwiceByChance changes were given twice, the rule that makes it rare is broken, and the violation
// stands.
void Simulation::ExcuseChance() {
  if (!failed() || !went_back_) return;
  const int64_t twice = ledger_.GivenTwice();
  if (twice == 0 || twice > kTwiceByChance) return;
  Trace("a stamp was given twice");
  report_->violation.reset();
  report_->sometimes.Note("excused: a copy gave a stamp of its former life");
}

void Simulation::Run() {
  RunPhases();
  ExcuseChance();
}

void Simulation::RunPhases() {
  if (!SetUp()) return;
  const int64_t length = random_.Chance(kLong) ? random_.Between(kShortest, kLongest)
                                               : random_.Between(kShortest, kMiddling);
  for (int64_t i = 0; i < length && !failed(); ++i) {
    if (options_.keep != nullptr && !(*options_.keep)[static_cast<size_t>(i)]) continue;
    BeginStep(static_cast<uint64_t>(i));
    Act();
    if (i % kLookEvery == 0) Look(&AnyMachine());
    if (i % kLookAtAllEvery == 0) LookAtAll();
  }
  if (failed()) return;
  BeginStep(UINT64_MAX - 1);
  Heal();
  if (!failed()) Settle();
  if (!failed() && mix_[Fault::kVerify]) VerifyAtEnd();
  if (!failed()) CheckEnd();
}

void HistoryReport::AddToTrace(const std::string& what) {
  for (const char c : what + '\n') {  // FNV-1a
    trace ^= static_cast<unsigned char>(c);
    trace *= 0x100000001B3ull;
  }
}

HistoryReport RunHistory(const HistoryOptions& options) {
  if (DrawsFirstJoin(options)) return RunJoinHistory(options);
  if (DrawsSchemas(options)) return RunSchemaHistory(options);
  HistoryReport report;
  Simulation(options, &report).Run();
  return report;
}

}  // namespace harmonylite::sim
