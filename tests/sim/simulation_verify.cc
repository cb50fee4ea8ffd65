// Rows that are altered behind the product's back, and everything that compares rows: the
// background checks, and an operator who runs `harmonylite verify`, with or without --repair, while
// everything else goes on.
#include <fmt/format.h>

#include <algorithm>

#include "sim/simulation.h"

namespace harmonylite::sim {

namespace {

// Shares of all histories. They are small because comparing rows costs more than the rest of a
// history.
constexpr double kAlters = 0.1;
constexpr double kOnlyCompares = 0.06;
constexpr int64_t kMostPauses = 250;  // after so many pauses a waiting command gives up
constexpr int64_t kMostRoundsOfChecks = 400;
constexpr int64_t kRoundMs = 100;
constexpr int kMostSteps = 50;

// The damaged rows that a node finds in its file, for a message.
std::string DamagedRows(SimNode* node) {
  auto digest = node->TakeDigest();
  if (!digest.ok()) return digest.error().message();
  std::string out;
  for (const node::NamedRow& row : digest->As<node::TableDigests>().damaged)
    out += fmt::format("{}table {} key {}: {}", out.empty() ? "" : "; ", row.table,
                       row.mark.key_text, node::Describe(row.mark));
  return out.empty() ? "it is gone" : out;
}

// The findings of a comparison, for a message.
std::string Text(const node::Verification& result) {
  std::string out;
  for (const node::Finding& finding : result.findings) {
    out += fmt::format("table {} key {}: {}", finding.table, finding.key_text,
                       node::Describe(finding.kind));
    for (const auto& [id, row] : finding.nodes)
      out += fmt::format("; node {}: {}", id.value, node::Describe(row));
    out += " ";
  }
  for (const std::string& table : result.open_tables) out += fmt::format("table {} ", table);
  return out;
}

}  // namespace

// Draws whether a history compares rows, and whether it alters some, from a generator of its own,
// so that the draws for other faults stay what they were.
void Simulation::DrawVerify(uint64_t seed) {
  Random random(SeedOf(seed, 1));
  mix_.Set(Fault::kAlter, random.Chance(kAlters));
  mix_.Set(Fault::kVerify, mix_[Fault::kAlter] || random.Chance(kOnlyCompares));
  if (!mix_[Fault::kAlter]) return;
  // A copy or a snapshot of an altered file, or a migration, would spread or reshape the altered
  // row. It would then no longer be one row on one node, and its old and new content could not be
  // told apart (decision 27).
  for (const Fault fault : {Fault::kRestore, Fault::kClone, Fault::kSnapshots, Fault::kStoreFails,
                            Fault::kJoin, Fault::kAway, Fault::kMigrate})
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
  Trace(fmt::format("{} has a row {} unseen: table {} key {}{}", machine->node->id(), what,
                    one.table, one.key, one.audited ? ", and its triggers dropped" : ""));
  report_->sometimes.Note(fmt::format("row {} unseen", what));
  if (one.audited) report_->sometimes.Note("row altered without triggers");
}

// Takes what the product itself has journaled about altered rows since the last call into the
// ledger, as writes of this machine. An audit or a repair may write such a row
// (docs/decisions/0027-altered-rows-in-the-simulator.md).
void Simulation::NoteUnseen(Machine* machine) {
  if (alterations_.all().empty() || machine->absent) return;
  SimNode& node = *machine->node;
  auto entries = ReadJournal(&node, machine->noted_entry);
  if (!entries.ok()) return Fail(machine, entries.error().message());
  if (entries->newest < machine->noted_entry) {  // a power cut took entries, so read all again
    machine->noted_entry = 0;
    return NoteUnseen(machine);
  }
  machine->noted_entry = entries->newest;
  for (auto& [where, write] : entries->changes) {
    const Alteration* one = alterations_.Find(where.first, where.second);
    if (one == nullptr) continue;
    bool known = false;
    for (const Write& other : ledger_.writes()[where.first][where.second])
      known =
          known || (other.hlc == write.hlc && other.lseq == write.lseq && other.node == node.id());
    if (known) continue;
    Trace(fmt::format("{} wrote an altered row itself: table {} key {}", node.id(), where.first,
                      where.second));
    report_->sometimes.Note("altered row written anew");
    write.who = node.who();
    if (one->version) write.replaced = Rank(*one->version);
    // The sidecar does not sync its commits, so a power cut may take this write back.
    write.may_be_lost = mix_[Fault::kKill] || mix_[Fault::kPowerCut];
    ledger_.NoteChange(write.origin, write.lseq);
    ledger_.Add(where.first, where.second, std::move(write));
  }
}

// A picture of a machine's file with altered rows as they should be.
Result<std::shared_ptr<const Picture>> Simulation::LookCorrected(Machine* machine) {
  NoteUnseen(machine);
  HL_ASSIGN(auto picture, machine->node->Look());
  alterations_.NoteTakenOver(*picture);
  return alterations_.Corrected(picture);
}

// The alterations that still stand on the machine on which they were made. With `anywhere`, also
// those that any other file shows, or because of which it lacks the row's version.
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

// The digest of a machine's file, which is checked when it is first taken. Null if there is none at
// the moment.
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
        CheckDigest(*looked.picture, *digest,
                    alterations_.OpenAt(looked.machine->node->id(), *looked.picture)));
  return &looked.digest->emplace(std::move(*digest));
}

void Simulation::CompareDigests(const Looked& one, const Looked& other) {
  const node::VerifyAnswer* ones = DigestOf(one);
  const node::VerifyAnswer* others = ones == nullptr ? nullptr : DigestOf(other);
  if (others == nullptr) return;
  report_->sometimes.Note("digests compared");
  Check(one.machine,
        CheckDigests(*ones, *others, alterations_.Differing(*one.picture, *other.picture)));
}

// Checks what a node's background comparison reports, and counts the alarms that begin and end. It
// may report damage only on a machine with altered rows, and a difference only where some row was
// altered or a file has gone back. A report may lag behind the file, so an alteration that has been
// repaired still counts here.
void Simulation::NoteAlarm(Machine* machine) {
  const node::Divergence found = machine->node->shared().rows().divergence();
  const bool alarmed = !found.text.empty();
  const auto& all = alterations_.all();
  const bool altered = std::any_of(
      all.begin(), all.end(), [&](const auto& one) { return one->node == machine->node->id(); });
  if (found.damaged_rows > 0 && !altered)
    Fail(machine, "a background check finds damaged rows where nobody altered one: " +
                      DamagedRows(machine->node.get()));
  // A copy may differ from the other files until it has found out that it is one.
  if (found.tables > 0 && all.empty() && !went_back_)
    Fail(machine,
         "a background check finds a difference where nobody altered a row: " + found.text);
  if (alarmed && !machine->alarmed)
    report_->sometimes.Note("alteration found by a background check");
  if (!alarmed && machine->alarmed) report_->sometimes.Note("alarm of a background check ended");
  machine->alarmed = alarmed;
}

// Runs `harmonylite verify` on a machine, or `harmonylite verify --repair`, and checks what it
// reports. While the command waits for answers, PauseVerify() lets the history go on.
void Simulation::Verify(Machine* machine) {
  // No repairs where a machine may be cloned: two files that answer as one node differ from each
  // other, and a repair would write rows that nobody has committed.
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
    Trace(fmt::format("verify compared {} nodes: {} rows", result->compared.size(),
                      result->findings.size()));
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

// Lets all machines work for a moment of simulated time while a command waits for answers. Returns
// false when the command should give up.
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

// The end of a history that compares rows, when everything has come to rest. The background checks
// must find what is still altered and nothing else (AwaitAlarms()), verify must name it and nothing
// else, and a repair must end it (RepairAtEnd()), so that the background checks find nothing
// afterwards.
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

// Waits until the background check of every node reports exactly the rows that are altered in its
// file. A difference between tables may be reported only while some file shows or lacks an altered
// row.
void Simulation::AwaitAlarms() {
  const auto told = [this](Machine* machine) {
    const node::Divergence found = machine->node->shared().rows().divergence();
    auto picture = machine->node->Look();
    if (!picture.ok()) return false;
    const auto open =
        static_cast<int64_t>(alterations_.OpenAt(machine->node->id(), **picture).size());
    if (found.checked_wall_ms == 0 || found.damaged_rows != open) return false;
    return open > 0 || found.tables == 0 || !OpenAlterations(/*anywhere=*/true).empty();
  };
  for (int64_t round = 0; round < kMostRoundsOfChecks && !failed(); ++round) {
    pauses_ = 0;
    PauseVerify();
    if (std::all_of(machines_.begin(), machines_.end(),
                    [&](Machine& machine) { return told(&machine); }))
      return;
  }
  for (Machine& machine : machines_)
    if (!told(&machine)) {
      const node::Divergence found = machine.node->shared().rows().divergence();
      return Fail(
          &machine,
          fmt::format(
              "the background check does not come to what is so: {} damaged rows, {} tables: {}",
              found.damaged_rows, found.tables, found.text));
    }
}

// Compares and repairs at the end. The comparison must reach every node at equal progress and name
// every alteration; the repair must make of each row what the rules say, where these decide it
// (Expected()).
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
  node::RowClient client(&node.meta, &node.clock, 'c', random_.Next(),
                         [this] { return PauseVerify(); });
  auto result = node::VerifyRows(&client);
  if (!result.ok()) return Fail(nullptr, "verify gave up at the end: " + result.error().message());
  if (!result->complete() || result->compared.size() != machines_.size())
    return Fail(nullptr, "verify does not reach every node at the end");
  Check(nullptr, CheckVerification(*result, alterations_, OpenAlterations(/*anywhere=*/true), open,
                                   alterations_.all().size()));
  if (!result->equal_progress) Fail(nullptr, "verify finds unequal progress at the end");
  report_->sometimes.Note("alteration found by verify",
                          static_cast<int64_t>(result->findings.size()));
  if (!result->different()) return;
  auto rows = node::RepairRows(&client, &*result);
  if (!rows.ok()) return Fail(nullptr, "repair gave up at the end: " + rows.error().message());
  if (result->different())
    return Fail(nullptr, "repair does not help at the end: " + Text(*result));
  Settle();
  for (const auto& [one, row] : expected)
    Check(nullptr, CheckRepaired(*one, row, **machines_[0].node->Look()));
  report_->sometimes.Note("altered row repaired", static_cast<int64_t>(open.size()));
}

}  // namespace harmonylite::sim
