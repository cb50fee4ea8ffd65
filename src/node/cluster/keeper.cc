#include "node/cluster/keeper.h"

#include <algorithm>

#include "base/mutant.h"
#include "ledger/fingerprint.h"
#include "node/options.h"

namespace harmonylite::node {

namespace {

// How many entries a new process puts under KnockKey() before it is introduced. A live process
// answers within two of its own beats; the third knock allows for an entry that was lost.
constexpr int kKnocks = 3;
// How old, in beats of this process, the entry may be that an answer names. An answer proves that
// its writer was alive after that entry was put; the writer of an older answer may have ended
// since.
constexpr uint64_t kFreshBeats = 8;
// While two processes put entries under the same key, each beat comes early by a random time below
// 2^kEarlierBits milliseconds, so that neither process always overwrites what the other one has
// just put.
constexpr int kEarlierBits = 10;

uint64_t Mix(uint64_t value) { return value * 0x9E3779B97F4A7C15ull; }

// What this node has applied, and what a peer had when it put its heartbeat.
change::Knowledge Ours(const AppliedState& applied, const Origin& self) {
  return {applied.progress, *applied.retirements, self, Lseq(INT64_MAX)};
}
change::Knowledge Theirs(const Heartbeat& peer, const AppliedState& applied) {
  return {peer.progress, *applied.retirements, peer.origin, peer.published};
}

bool Holds(const AppliedState& applied, HoldKind kind) {
  return std::any_of(applied.holds.begin(), applied.holds.end(),
                     [&](const Hold& hold) { return hold.kind == kind; });
}

// True if this peer would resend changes that are already held here because of a constraint or a
// clock. Its whole answer would be held with them, so asking it would not help.
bool BringsWhatIsRefused(const Heartbeat& peer, const AppliedState& applied, const Origin& self) {
  return std::any_of(applied.holds.begin(), applied.holds.end(), [&](const Hold& hold) {
    if (hold.kind != HoldKind::kRefused && hold.kind != HoldKind::kClock) return false;
    return Theirs(peer, applied).Get(hold.origin) > Ours(applied, self).Get(hold.origin);
  });
}

// True if `peer` has applied or published changes that are not applied here. Adds the origins of
// these changes to `ahead`.
bool NoteAhead(const Heartbeat& peer, const change::Knowledge& ours, std::set<Origin>* ahead) {
  bool any = false;
  const auto note = [&](const Origin& origin, Lseq lseq) {
    if (ours.Covers(origin, lseq)) return;
    ahead->insert(origin);
    any = true;
  };
  if (!HL_MUTANT(lost_tail_unnoticed)) note(peer.origin, peer.published);
  for (const auto& [origin, lseq] : peer.progress.map()) note(origin, lseq);
  return any;
}

// True if this node has applied all deletes that `peer` has forgotten. Only then is a repair batch
// of `peer` complete (docs/decisions/0020, rule 3).
bool CanAnswer(const Heartbeat& peer, const AppliedState& applied, const Origin& self) {
  return Ours(applied, self).Covers(peer.collected) || HL_MUTANT(forgotten_repaired);
}

// True if `peer` has applied all deletes that are forgotten here. A batch of any other peer would
// be held here as stale (docs/decisions/0020, rule 2).
bool IsUpToDate(const Heartbeat& peer, const AppliedState& applied) {
  return std::all_of(applied.collected.map().begin(), applied.collected.map().end(),
                     [&](const auto& entry) {
                       return entry.first == peer.origin ||
                              Theirs(peer, applied).Covers(entry.first, entry.second);
                     });
}

}  // namespace

Keeper::Keeper(const Dependencies& dependencies)
    : d_(dependencies),
      membership_(dependencies.eviction_horizon_ms, dependencies.shared->membership().members) {}

StepResult Keeper::Fail(const Error& error) {
  membership_.Deaf();
  if (error.message() != said_) {
    said_ = error.message();
    d_.logger->Debug("the node registry is out of reach: {}", said_);
  }
  return StepResult::Blocked(said_);
}

StepResult Keeper::Step() {
  const int64_t now = d_.clock->MonotonicMs();
  if (now < next_ms_) return StepResult::Idle();
  next_ms_ = now + kHeartbeatMs;
  if (Status heard = Listen(); !heard.ok()) return Fail(heard.error());
  if (rivalled_) return StepResult::Progress();  // the other process speaks for this node

  const AppliedState applied = d_.shared->applied();
  Heartbeat own;
  own.origin = d_.shared->self();
  own.session = d_.session;
  own.beat = ++beat_;
  if (hears_namesake(now)) own.hears = heard_;
  own.wall_ms = d_.clock->WallMs();
  own.published = d_.shared->published_as_self();
  own.schema_fingerprint = applied.schema_fingerprint;
  own.definitions = applied.definitions;
  own.progress = applied.progress;
  own.journaled = applied.journaled;
  own.collected = applied.collected;
  WeighMembers(applied, now);
  d_.shared->SetBehindForgotten(BehindForgotten(applied, now));
  d_.shared->SetTablesElsewhere(TablesElsewhere(applied, now));
  own.asks = WhomToAsk(applied, now);
  if (own.asks)
    d_.logger->Info("changes are missing here and the log does not bring them: asking node {}",
                    own.asks->value);
  auto put = d_.store->Put(NextKey(now), EncodeHeartbeat(own));
  if (!put.ok()) return Fail(put.error());
  put_revision_ = *put;
  if (!introduced_) ++knocks_;
  said_.clear();
  return StepResult::Progress();
}

// Reads the entries of the registry that have changed since the last look, and acts on each one.
Status Keeper::Listen() {
  HL_ASSIGN(const auto entries, d_.store->Recent(kHeartbeatPrefix));
  const int64_t now = d_.clock->MonotonicMs();
  const Origin self = d_.shared->self();
  for (const auto& [key, entry] : entries) {
    Peer& peer = peers_[key];
    if (peer.revision == entry.revision) continue;
    const bool first_look = peer.revision == 0;
    peer.revision = entry.revision;
    auto heartbeat = DecodeHeartbeat(entry.value);
    if (!heartbeat.ok()) continue;  // it has a format that this build does not know, or is damaged
    peer.heartbeat = std::move(*heartbeat);
    peer.heard_ms = now;
    peer.lives = !first_look;
    if (peer.heartbeat.origin.node == self.node) {
      HearNamesake(peer.heartbeat, entry.revision, now);
      continue;
    }
    if (!first_look) membership_.Hear(peer.heartbeat, now, d_.clock->WallMs());
    // The peer knows changes of this origin that this file never sent, so there is another copy of
    // this file. The numbers of those changes must not be given to other changes (P7).
    if (peer.heartbeat.progress.Get(self) > d_.shared->sending()) {
      d_.logger->Warning(
          "node {} has changes of this node that this database does not have: it is a "
          "copy or was restored from a backup; it goes on as a new incarnation",
          peer.heartbeat.origin.node.value);
      d_.shared->RequestIncarnation({.read_log_again = true, .numbers_shared = true});
    }
    if (peer.heartbeat.asks == self.node) Answer(peer.heartbeat, now);
  }
  return introduced_ ? HearKnock(now) : Ok();
}

// Finds out who is a member and what all members have, for the consumer, which forgets tombstones;
// logs each node that is evicted or comes back (P7).
void Keeper::WeighMembers(const AppliedState& applied, int64_t now) {
  std::vector<Membership::Event> events;
  d_.shared->SetMembership(membership_.Weigh(applied.progress, *applied.retirements,
                                             d_.shared->self(), now, d_.clock->WallMs(), &events));
  for (const Membership::Event& event : events) {
    if (event.evicted)
      d_.logger->Warning(
          "node {} has been silent for longer than the eviction horizon: what was deleted is "
          "forgotten without it; it fetches a snapshot when it comes back",
          event.node.value);
    else
      d_.logger->Info("node {} is back", event.node.value);
  }
}

// True if a node that was heard lately has forgotten deletes that are not applied here. The other
// nodes would hold as stale what this node sends, so the publisher waits.
bool Keeper::BehindForgotten(const AppliedState& applied, int64_t now) const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    const Peer& peer = entry.second;
    return now - peer.heard_ms <= kPeerSilentMs &&
           !CanAnswer(peer.heartbeat, applied, d_.shared->self());
  });
}

// True if another live node has replicated tables and this node has none for kTablesPatienceMs. The
// patience is for an application that creates its tables on one node after the other.
bool Keeper::TablesElsewhere(const AppliedState& applied, int64_t now) {
  const bool elsewhere = std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    const Peer& peer = entry.second;
    return peer.lives && now - peer.heard_ms <= kPeerSilentMs &&
           peer.heartbeat.origin.node != d_.shared->self().node &&
           peer.heartbeat.schema_fingerprint != ledger::kNoTables;
  });
  const bool without = elsewhere && applied.schema_fingerprint == ledger::kNoTables &&
                       !HL_MUTANT(tables_elsewhere_unnoticed);
  if (!without) without_since_ms_.reset();
  if (without && !without_since_ms_) without_since_ms_ = now;
  return without && now - *without_since_ms_ >= kTablesPatienceMs;
}

// Handles a new entry under this node's own key. If another process wrote it, that process may be
// alive, or the entry may be all that is left of it; Lives() tells the two apart. Of two live
// processes, one that still knocks ends; of two that are introduced, the one with the greater
// session, which started later.
void Keeper::HearNamesake(const Heartbeat& namesake, uint64_t revision, int64_t now) {
  if (namesake.session == d_.session) return;
  heard_ = Beat{namesake.session, namesake.beat};
  heard_ms_ = now;
  if (!Lives(namesake, revision)) return;
  if (!introduced_ || d_.session > namesake.session) rivalled_ = true;
}

// Reads the entry of a process of this node that has just started and knocks. The next heartbeat of
// this process names that entry (Heartbeat::hears), by which the new process learns that this one
// is alive.
Status Keeper::HearKnock(int64_t now) {
  auto entry = d_.store->RecentEntry(KnockKey(d_.shared->self().node));
  if (!entry.ok() && entry.error().code() == ErrorCode::kNotFound) return Ok();
  if (!entry.ok()) return std::move(entry).error();
  if (entry->revision == knock_revision_) return Ok();
  knock_revision_ = entry->revision;
  const auto knock = DecodeHeartbeat(entry->value);
  if (!knock.ok() || knock->session == d_.session) return Ok();
  heard_ = Beat{knock->session, knock->beat};
  heard_ms_ = now;
  return Ok();
}

// True if the entry `namesake` proves that its writer is alive.
//
// That an entry is new in the registry proves nothing: a replica that lags, or an older copy of the
// store, shows entries of former processes once more. But the session of this process was drawn at
// its start. So an entry that names one of its newest kFreshBeats entries was written after that
// entry was put, by a process that was alive then, whatever the registry has lost or shows again.
//
// A process of an earlier build names no entries. It counts as alive after kKnocks rounds, in each
// of which an entry of this process was followed by one of its own, in the order of revisions.
bool Keeper::Lives(const Heartbeat& namesake, uint64_t revision) {
  if ((introduced_ || knocks_ > 0) && HL_MUTANT(history_is_alive)) return true;
  if (HL_MUTANT(namesake_unheard)) return false;
  if (namesake.beat > 0)
    return namesake.hears && namesake.hears->session == d_.session &&
           beat_ - namesake.hears->number <= kFreshBeats;
  if (silent_.session != namesake.session) silent_ = {namesake.session, 0, 0};
  if (revision > put_revision_ && put_revision_ != silent_.after) {
    silent_.after = put_revision_;
    ++silent_.rounds;
  }
  return silent_.rounds >= kKnocks;
}

// The key of this process's next entry. If the registry has an entry of another process of this
// node, this process knocks: it puts kKnocks entries under KnockKey(), so that it overwrites
// nothing while it waits for an answer. After that, or if there is no such entry, it is introduced
// and uses HeartbeatKey(). While an introduced process hears another one, its next beat comes
// early.
std::string Keeper::NextKey(int64_t now) {
  if (!introduced_) introduced_ = !heard_ || knocks_ >= kKnocks;
  const NodeId self = d_.shared->self().node;
  if (!introduced_) return KnockKey(self);
  if (hears_namesake(now))
    next_ms_ -= static_cast<int64_t>(Mix(d_.session + beat_) >> (64 - kEarlierBits));
  return HeartbeatKey(self);
}

// True if, for kRepairPatienceMs, nothing of some origin in `ahead` was applied here although
// another node has more of it, and the log will not bring the rest: the log is read to its end, or
// batches of that origin are held because something is missing or stale. Keeps the time of each
// standstill.
bool Keeper::IsStuck(const AppliedState& applied, const std::set<Origin>& ahead, int64_t now) {
  std::map<Origin, Standstill> still;
  bool stuck = false;
  for (const Origin& origin : ahead) {
    const bool waits =
        std::any_of(applied.holds.begin(), applied.holds.end(), [&](const Hold& hold) {
          return hold.origin == origin &&
                 (hold.kind == HoldKind::kMissing || hold.kind == HoldKind::kStale);
        });
    if (!applied.caught_up && !waits) continue;
    const Lseq at = Ours(applied, d_.shared->self()).Get(origin);
    const auto before = still_.find(origin);
    const int64_t since =
        before != still_.end() && before->second.at == at ? before->second.since_ms : now;
    still[origin] = {at, since};
    stuck = stuck || now - since >= kRepairPatienceMs;
  }
  still_ = std::move(still);
  return stuck;
}

// The node that this node asks for repair, once it is clear that the log will not bring what is
// missing here; none: nothing is to be asked. Among the live nodes that are ahead and whose answer
// could be complete and be applied here, prefers one whose progress covers that of another. If
// there is no such node and a snapshot could help, sets the resync wish; otherwise withdraws it
// (P7).
std::optional<NodeId> Keeper::WhomToAsk(const AppliedState& applied, int64_t now) {
  const Origin self = d_.shared->self();
  const Peer* best = nullptr;
  std::set<Origin> ahead;
  ResyncWish wish;
  bool wanted = false;
  bool alive = false;
  for (const auto& [key, peer] : peers_) {
    if (peer.heartbeat.origin.node == self.node || now - peer.heard_ms > kPeerSilentMs) continue;
    alive = true;
    if (!NoteAhead(peer.heartbeat, Ours(applied, self), &ahead)) continue;
    // While batches are held because of a schema, an answer of a node whose tables differ from
    // those here would be held too.
    if (Holds(applied, HoldKind::kSchema) &&
        peer.heartbeat.schema_fingerprint != applied.schema_fingerprint)
      continue;
    if (BringsWhatIsRefused(peer.heartbeat, applied, self)) continue;
    if (!CanAnswer(peer.heartbeat, applied, self)) {
      wanted = true;
      wish.forgotten.push_back(peer.heartbeat.collected);
      continue;
    }
    if (!IsUpToDate(peer.heartbeat, applied)) continue;
    if (best == nullptr || Theirs(peer.heartbeat, applied).Covers(best->heartbeat.progress))
      best = &peer;
  }
  const bool stuck = IsStuck(applied, ahead, now);
  wanted = (stuck && wanted) || IsAlone(applied, alive, now);
  d_.shared->SetResyncWish(wanted && best == nullptr ? std::optional(wish) : std::nullopt);
  if (best == nullptr || !stuck || HL_MUTANT(repair_never_asked)) return std::nullopt;
  return best->heartbeat.origin.node;
}

// True if, for kAlonePatienceMs, changes were missing here and no other node was heard that could
// be asked for them.
bool Keeper::IsAlone(const AppliedState& applied, bool alive, int64_t now) {
  const bool missing =
      !alive && applied.caught_up && (Holds(applied, HoldKind::kMissing) || d_.shared->log_gap());
  if (!missing) alone_since_ms_.reset();
  if (missing && !alone_since_ms_) alone_since_ms_ = now;
  return missing && now - *alone_since_ms_ >= kAlonePatienceMs;
}

// Passes a peer's request for repair to the publisher. The same request is passed on again only
// after kRepairRepeatMs, so that an answer has time to arrive.
void Keeper::Answer(const Heartbeat& peer, int64_t now) {
  const auto it = answered_.find(peer.origin.node);
  if (it != answered_.end() && it->second.first == peer.progress &&
      now - it->second.second < kRepairRepeatMs)
    return;
  answered_[peer.origin.node] = {peer.progress, now};
  const AppliedState applied = d_.shared->applied();
  // The peer has all of its own changes, which its progress does not name.
  change::ProgressVector have = peer.progress;
  have.Advance(peer.origin, Ours(applied, d_.shared->self()).Get(peer.origin));
  // An answer would be incomplete if the peer lacks deletes that are forgotten here. The peer sees
  // that in the collected vector of this node's heartbeat, and fetches a snapshot.
  const change::Knowledge theirs(have, *applied.retirements, peer.origin, peer.published);
  if (!theirs.Covers(applied.collected) && !HL_MUTANT(forgotten_repaired)) return;
  d_.shared->RequestRepair(theirs.Expanded());
}

}  // namespace harmonylite::node
