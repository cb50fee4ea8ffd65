// Rows that are altered behind the product's back, and everything that compares rows: the background checks, and
// somebody who runs `harmonylite verify`, with --repair or without, while all the rest goes on.
#include <fmt/format.h>

#include <algorithm>

#include "sim/simulation.h"

namespace harmonylite::sim {

namespace {

// Of all histories; comparing rows costs more than the rest of a history.
constexpr double kAlters = 0.1;
constexpr double kOnlyCompares = 0.06;
// Then somebody gives up.
constexpr int64_t kMostPauses = 250;
constexpr int64_t kMostRoundsOfChecks = 400;
constexpr int64_t kRoundMs = 100;
constexpr int kMostSteps = 50;

// For people.
std::string DamagedRows(SimNode* node) {
  auto digest = node->TakeDigest();
  if (!digest.ok()) return digest.error().message();
  std::string out;
  for (size_t i = 0; i < digest->rows.size(); ++i)
    out += fmt::format("{}table {} key {}: {}", out.empty() ? "" : "; ", digest->row_tables[i], digest->rows[i].key_text,
                       node::Describe(digest->rows[i]));
  return out.empty() ? "it is gone" : out;
}

// For people.
std::string Text(const node::Verification& result) {
  std::string out;
  for (const node::Finding& finding : result.findings) {
    out += fmt::format("table {} key {}: {}", finding.table, finding.key_text, node::Describe(finding.kind));
    for (const auto& [id, row] : finding.nodes) out += fmt::format("; node {}: {}", id.value, node::Describe(row));
    out += " ";
  }
  for (const std::string& table : result.open_tables) out += fmt::format("table {} ", table);
  return out;
}

}  // namespace

// Drawn apart, so that the other histories stay what they are.
void Simulation::DrawVerify(uint64_t seed) {
  Random random(SeedOf(seed, 1));
  mix_.Set(Fault::kAlter, random.Chance(kAlters));
  mix_.Set(Fault::kVerify, mix_[Fault::kAlter] || random.Chance(kOnlyCompares));
  if (!mix_[Fault::kAlter]) return;
  // A copy of an altered file, a snapshot of it, or another shape of the row: then it is not one row of one node any
  // more, and what it was cannot be told apart from what it is.
  for (const Fault fault : {Fault::kRestore, Fault::kClone, Fault::kSnapshots, Fault::kStoreFails, Fault::kJoin,
                            Fault::kAway, Fault::kMigrate})
    mix_.Set(fault, false);
}

void Simulation::ActVerify(Machine* machine) {
  if (!verifying_ && mix_[Fault::kAlter] && random_.Chance(0.08)) return Alter(machine);
  if (!verifying_ && random_.Chance(0.02)) return Verify(machine);
  StepWorker(machine, 4);
}

void Simulation::Alter(Machine* machine) {
  if (machine->app->holds()) return;
  NoteUnseen(machine);
  auto made = alterations_.Make(machine->node.get(), &random_, tables_);
  if (!made.ok()) return Fail(machine, made.error().message());
  if (*made == nullptr) return;
  const Alteration& one = **made;
  const char* what = !one.is ? "deleted" : !one.was ? "inserted" : "changed";
  Trace(fmt::format("{} has a row {} unseen: table {} key {}{}", machine->node->id(), what, one.table, one.key,
                    one.audited ? ", and its triggers dropped" : ""));
  report_->sometimes.Note(fmt::format("row {} unseen", what));
  if (one.audited) report_->sometimes.Note("row altered without triggers");
}

// What the product itself has journaled about altered rows since the last look: it counts as written by this machine.
void Simulation::NoteUnseen(Machine* machine) {
  if (alterations_.all().empty() || machine->absent) return;
  SimNode& node = *machine->node;
  auto entries = ReadJournal(&node, machine->noted_entry);
  if (!entries.ok()) return Fail(machine, entries.error().message());
  if (entries->newest < machine->noted_entry) {  // power loss took some
    machine->noted_entry = 0;
    return NoteUnseen(machine);
  }
  machine->noted_entry = entries->newest;
  for (auto& [where, write] : entries->changes) {
    const Alteration* one = alterations_.Find(where.first, where.second);
    if (one == nullptr) continue;
    bool known = false;
    for (const Write& other : ledger_.writes()[where.first][where.second])
      known = known || (other.hlc == write.hlc && other.lseq == write.lseq && other.node == node.id());
    if (known) continue;
    Trace(fmt::format("{} wrote an altered row itself: table {} key {}", node.id(), where.first, where.second));
    report_->sometimes.Note("altered row written anew");
    write.who = node.who();
    if (one->version) write.replaced = Rank(*one->version);
    // Our own commits are not synced.
    write.may_be_lost = mix_[Fault::kKill] || mix_[Fault::kPowerCut];
    ledger_.NoteChange(write.origin, write.lseq);
    ledger_.Add(where.first, where.second, std::move(write));
  }
}

Result<std::shared_ptr<const Picture>> Simulation::LookCorrected(Machine* machine) {
  NoteUnseen(machine);
  HL_ASSIGN(auto picture, machine->node->Look());
  return alterations_.Corrected(picture);
}

// Those that still stand where they were made; with `anywhere` also those that other files show, or lack the row of.
std::vector<const Alteration*> Simulation::OpenAlterations(bool anywhere) {
  std::vector<const Alteration*> out;
  if (alterations_.all().empty()) return out;
  for (Machine* machine : Present()) {
    auto picture = machine->node->Look();
    if (!picture.ok()) {
      Fail(machine, picture.error().message());
      return out;
    }
    for (const auto& one : alterations_.all())
      if ((one->node == machine->node->id() && Shows(**picture, *one)) ||
          (anywhere && (Shows(**picture, *one) || Lacks(**picture, *one))))
        out.push_back(one.get());
  }
  return out;
}

// Null: there is none at the moment.
const node::VerifyAnswer* Simulation::DigestOf(const Looked& looked) {
  if (!looked.picture->settled) return nullptr;
  if (*looked.digest) return &**looked.digest;
  auto digest = looked.machine->node->TakeDigest();
  if (!digest.ok() && digest.error().code() == ErrorCode::kRetryLater) return nullptr;
  if (!digest.ok()) {
    Fail(looked.machine, digest.error().message());
    return nullptr;
  }
  Check(looked.machine,
        CheckDigest(*looked.picture, *digest, alterations_.OpenAt(looked.machine->node->id(), *looked.picture)));
  return &looked.digest->emplace(std::move(*digest));
}

void Simulation::CompareDigests(const Looked& one, const Looked& other) {
  const node::VerifyAnswer* ones = DigestOf(one);
  const node::VerifyAnswer* others = ones == nullptr ? nullptr : DigestOf(other);
  if (others == nullptr) return;
  report_->sometimes.Note("digests compared");
  Check(one.machine, CheckDigests(*ones, *others, alterations_.Differing(*one.picture, *other.picture)));
}

// What a background check says is so, or was until a moment ago.
void Simulation::NoteAlarm(Machine* machine) {
  const node::Divergence found = machine->node->shared().rows().divergence();
  const bool alarmed = !found.text.empty();
  const auto& all = alterations_.all();
  const bool altered = std::any_of(all.begin(), all.end(),
                                   [&](const auto& one) { return one->node == machine->node->id(); });
  if (found.damaged_rows > 0 && !altered)
    Fail(machine, "a background check finds damaged rows where nobody altered one: " + DamagedRows(machine->node.get()));
  // What a copy shows before it knows that it is one may differ.
  if (found.tables > 0 && all.empty() && !went_back_)
    Fail(machine, "a background check finds a difference where nobody altered a row: " + found.text);
  if (alarmed && !machine->alarmed) report_->sometimes.Note("alteration found by a background check");
  if (!alarmed && machine->alarmed) report_->sometimes.Note("alarm of a background check ended");
  machine->alarmed = alarmed;
}

// `harmonylite verify` on this machine, or `harmonylite verify --repair`.
void Simulation::Verify(Machine* machine) {
  // Two files that answer as one node differ from each other, and what a repair then writes nobody committed.
  const bool repairs = random_.Chance(0.4) && !mix_[Fault::kClone];
  Trace(fmt::format("{} verifies{}", machine->node->id(), repairs ? " and repairs" : ""));
  const std::vector<const Alteration*> before = OpenAlterations(/*anywhere=*/true);
  const size_t first_new = alterations_.all().size();
  verifying_ = true;
  pauses_ = 0;
  node::RowClient client(&machine->node->meta, &machine->node->clock, 'c', random_.Next(),
                         [this] { return PauseVerify(); });
  auto result = node::VerifyRows(&client);
  const std::vector<const Alteration*> still = OpenAlterations();
  Sometimes& sometimes = report_->sometimes;
  if (!result.ok()) {
    Trace("verify gave up: " + result.error().message());
    sometimes.Note("verify gave up");
  } else if (!went_back_ && !failed()) {
    Check(machine, CheckVerification(*result, alterations_, before, still, first_new));
    Trace(fmt::format("verify compared {} nodes: {} rows", result->compared.size(), result->findings.size()));
    sometimes.Note("alteration found by verify", static_cast<int64_t>(result->findings.size()));
    if (!result->different() && result->compared.size() > 1)
      sometimes.Note(result->equal_progress ? "verify with nothing to report"
                                            : "verify with nothing to report at unequal progress");
  }
  if (result.ok() && repairs && !failed()) {
    auto rows = node::RepairRows(&client, &*result);
    if (rows.ok() && *rows > 0) sometimes.Note("altered row repaired on the way", *rows);
  }
  verifying_ = false;
}

// Some ten milliseconds of everybody's, while somebody waits for answers.
bool Simulation::PauseVerify() {
  if (failed() || ++pauses_ > kMostPauses) return false;
  if (healed_) {
    world_.Advance(kRoundMs);
    for (Machine& machine : machines_) {
      Work(&machine);
      machine.node->StepKeeper();
      for (int i = 0; i < kMostSteps; ++i)
        if (machine.node->StepVerifier().kind != node::StepResult::kProgress) break;
      NoteProgress(&machine);
    }
    return true;
  }
  world_.Advance(random_.Between(20, 150));
  for (size_t i = 0; i < machines_.size() && !failed(); ++i) Act();
  for (Machine& machine : machines_)
    if (!machine.absent && !failed() && random_.Chance(0.7)) StepWorker(&machine, 4);
  if (random_.Chance(0.1)) Look(&AnyMachine());
  return !failed();
}

// Everything has come to rest: the background checks have found what is still altered and nothing else, verify names it
// and nothing else, and repair ends it.
void Simulation::VerifyAtEnd() {
  verifying_ = true;
  LookAtAll();
  if (!failed()) AwaitAlarms();
  if (!failed()) RepairAtEnd();
  if (failed()) return;
  Settle();
  if (!failed()) AwaitAlarms();
  verifying_ = false;
}

void Simulation::AwaitAlarms() {
  const auto told = [this](Machine* machine) {
    const node::Divergence found = machine->node->shared().rows().divergence();
    auto picture = machine->node->Look();
    if (!picture.ok()) return false;
    const auto open = static_cast<int64_t>(alterations_.OpenAt(machine->node->id(), **picture).size());
    if (found.checked_wall_ms == 0 || found.damaged_rows != open) return false;
    return open > 0 || found.tables == 0 || !OpenAlterations(/*anywhere=*/true).empty();
  };
  for (int64_t round = 0; round < kMostRoundsOfChecks && !failed(); ++round) {
    pauses_ = 0;
    PauseVerify();
    if (std::all_of(machines_.begin(), machines_.end(), [&](Machine& machine) { return told(&machine); })) return;
  }
  for (Machine& machine : machines_)
    if (!told(&machine)) {
      const node::Divergence found = machine.node->shared().rows().divergence();
      return Fail(&machine, fmt::format("the background check does not come to what is so: {} damaged rows, {} tables: {}",
                                        found.damaged_rows, found.tables, found.text));
    }
}

void Simulation::RepairAtEnd() {
  const std::vector<const Alteration*> open = OpenAlterations();
  std::vector<std::pair<const Alteration*, RepairedRow>> expected;
  for (const Alteration* one : open) {
    std::vector<std::shared_ptr<const Picture>> others;
    for (Machine& machine : machines_)
      if (machine.node->id() != one->node) others.push_back(*machine.node->Look());
    if (auto row = Expected(*one, others)) expected.emplace_back(one, std::move(*row));
  }
  pauses_ = 0;
  SimNode& node = *machines_[0].node;
  node::RowClient client(&node.meta, &node.clock, 'c', random_.Next(), [this] { return PauseVerify(); });
  auto result = node::VerifyRows(&client);
  if (!result.ok()) return Fail(nullptr, "verify gave up at the end: " + result.error().message());
  if (!result->complete() || result->compared.size() != machines_.size())
    return Fail(nullptr, "verify does not reach every node at the end");
  Check(nullptr, CheckVerification(*result, alterations_, OpenAlterations(/*anywhere=*/true), open,
                                   alterations_.all().size()));
  if (!result->equal_progress) Fail(nullptr, "verify finds unequal progress at the end");
  report_->sometimes.Note("alteration found by verify", static_cast<int64_t>(result->findings.size()));
  if (!result->different()) return;
  auto rows = node::RepairRows(&client, &*result);
  if (!rows.ok()) return Fail(nullptr, "repair gave up at the end: " + rows.error().message());
  if (result->different()) return Fail(nullptr, "repair does not help at the end: " + Text(*result));
  Settle();
  for (const auto& [one, row] : expected)
    Check(nullptr, CheckRepaired(*one, row, **machines_[0].node->Look()));
  report_->sometimes.Note("altered row repaired", static_cast<int64_t>(open.size()));
}

}  // namespace harmonylite::sim
