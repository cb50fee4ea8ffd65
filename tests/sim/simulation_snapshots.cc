// Snapshots, members and forgotten tombstones: how a history runs with them, what fails in the
// store of snapshots, and what the product itself writes when it merges a snapshot.
#include <fmt/format.h>

#include <algorithm>

#include "sim/simulation.h"
#include "snapshot/manifest.h"

namespace harmonylite::sim {

namespace {

constexpr double kLacking = 0.5;
constexpr int64_t kNever = int64_t{1} << 50;  // milliseconds: longer than any history

bool SameColumns(const Image& a, const Image& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first; });
}

}  // namespace

void Simulation::DrawSnapshots() {
  if (!mix_[Fault::kSnapshots]) return;
  snapshots_.store = &store_;
  snapshots_.horizon_ms = random_.Between(3'000, 12'000);
  // Nobody is evicted where copies of files run. Deletes may be forgotten once a node is evicted,
  // and what a copy that is behind them sends is held until the copy has caught up. A copy that
  // vanishes before never does.
  if (mix_[Fault::kRestore] || mix_[Fault::kClone]) snapshots_.horizon_ms = kNever;
  snapshots_.policy.interval_ms = random_.Chance(0.5) ? 0 : random_.Between(8'000, 30'000);
  snapshots_.policy.leader_ttl_ms = random_.Between(3'000, 10'000);
  snapshots_.policy.max_entries = random_.Chance(0.5) ? 1'000'000 : random_.Between(40, 200);
  snapshots_.policy.keep = static_cast<int>(random_.Between(1, 3));
}

// Lets a machine read from a replica of the store that lacks the data of every present snapshot
// and, until everything heals, of some that are made later. Healing does not bring the missing
// data, so the machine needs a snapshot that is made afterwards.
void Simulation::LackObjects(Machine* machine) {
  if (!mix_[Fault::kStoreFails] || random_.Chance(0.1)) return;
  Trace(fmt::format("{} cannot read what the store has", machine->node->id()));
  StoreClient& store = machine->node->store;
  store.lacking = healed_ ? 0 : kLacking;
  for (const auto& [name, bytes] : store_.objects)
    if (name.ends_with(snapshot::kObjectSuffix)) store.silent.insert(name);
}

// Loses or alters an object of the store, and in one case of five gives a machine back the objects
// that it could not read.
void Simulation::FaultOfSnapshots() {
  const bool loses = random_.Chance(0.4);
  const bool done = loses ? store_.Lose(&random_) : store_.Damage(&random_);
  Trace(fmt::format("store {} an object: {}", loses ? "loses" : "alters", done));
  if (done) report_->sometimes.Note(loses ? "store: object lost" : "store: object altered");
  if (random_.Chance(0.2)) AnyMachine().node->store.silent.clear();
}

// Counts rare paths from what a node reports about members and snapshots.
void Simulation::NoteMembers(Machine* machine) {
  const node::SharedState& shared = machine->node->shared();
  Sometimes& sometimes = report_->sometimes;
  std::set<uint64_t> evicted;
  for (const auto& [id, member] : shared.membership().members)
    if (member.evicted) evicted.insert(id.value);
  for (const uint64_t id : evicted) {
    ledger_.NoteGone(id);
    if (!machine->evicted.contains(id)) sometimes.Note("node evicted");
  }
  for (const uint64_t id : machine->evicted)
    if (!evicted.contains(id)) sometimes.Note("evicted node is back");
  machine->evicted = std::move(evicted);
  const bool resyncs = shared.resync_wish().has_value();
  if (resyncs && !machine->resyncs) sometimes.Note("snapshot wished for");
  machine->resyncs = resyncs;
  const auto note_more = [&](int64_t now, int64_t* before, const char* what) {
    if (now > *before) sometimes.Note(what, now - *before);
    *before = now;
  };
  note_more(machine->node->snapshots_made(), &machine->made, "snapshot made");
  note_more(shared.applied().forgotten, &machine->forgotten, "tombstone forgotten");
}

// Takes one row that the product itself has journaled during a step into the ledger, as a write of
// this machine. The row must be one that somebody has written, under the version that the machine
// had before the step if it had one (docs/decisions/0025-checking-what-is-forgotten.md). If another
// machine wrote it, it is noted as adopted.
Violation Simulation::NoteRowAnew(const Machine& machine, const std::string& table,
                                  const std::string& key, const Picture& before,
                                  const Picture& after) {
  const RowVersion& version = after.versions.at(table).at(key);
  const Image* now = nullptr;  // the row's image after the step
  for (const auto* rows : {&after.rows.at(table), &after.kept.at(table)})
    if (const auto row = rows->find(key); row != rows->end()) now = &row->second;
  const auto was = before.versions.at(table).find(key);
  const auto tables = ledger_.writes().find(table);
  const Write* same = nullptr;  // the last write that wrote this row
  if (tables != ledger_.writes().end() && tables->second.contains(key))
    for (const Write& write : tables->second.at(key)) {
      if (!write.present ||
          (was != before.versions.at(table).end() && Rank(write) != Rank(was->second)))
        continue;
      Image image = write.image;
      MigrateImage(table, after.level, &image);
      if (now == nullptr || *now == image || !SameColumns(*now, image)) same = &write;
    }
  if (version.gone || same == nullptr)
    return fmt::format("a row was journaled anew that nobody wrote: table {} key {}{}", table, key,
                       version.gone ? ", deleted" : "");
  Write write;
  write.hlc = version.hlc;
  write.node = version.origin.node.value;
  write.present = true;
  write.image = same->image;
  write.who = machine.node->who();
  write.origin = version.origin;
  write.lseq = version.lseq;
  write.replaced = Rank(*same);
  if (same->who != write.who) {
    report_->sometimes.Note("row of another node written anew");
    ledger_.NoteAdopted(table, key);
  }
  ledger_.Add(table, key, std::move(write));
  return std::nullopt;
}

// Looks, after a step of the consumer, for rows that the product has journaled as its own: because
// a snapshot was merged, or because other nodes lack them since a file went back, which a
// comparison has found. `before` is the picture before the step.
void Simulation::NoteAnew(Machine* machine, const Picture& before, bool merges) {
  auto picture = machine->node->Look();
  if (!picture.ok()) return Fail(machine, picture.error().message());
  const Picture& after = **picture;
  const bool merged =
      merges && machine->node->running() && !machine->node->merging() && after.self == before.self;
  if (!merged && after.last_change == before.last_change) return;
  if (merged) {
    report_->sometimes.Note("snapshot merged");
    if (before.last_change > before.published_to)
      report_->sometimes.Note("snapshot merged with unpublished rows");
  }
  for (const auto& [table, versions] : after.versions)
    for (const auto& [key, version] : versions) {
      if (version.origin != before.self || version.lseq <= before.newest_entry) continue;
      // What is written about altered rows is noted elsewhere (NoteUnseen).
      if (!merges && alterations_.Find(table, key) != nullptr) continue;
      Check(machine, NoteRowAnew(*machine, table, key, before, after));
      report_->sometimes.Note(merges ? "row written anew by a merge"
                                     : "row written anew after a comparison");
    }
  ledger_.NoteChange(before.self, after.last_change);
}

}  // namespace harmonylite::sim
