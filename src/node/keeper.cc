#include "node/keeper.h"

#include <algorithm>

#include "base/mutant.h"
#include "node/options.h"

namespace harmonylite::node {

namespace {

constexpr int64_t kListenFirstMs = 2 * kHeartbeatMs + 500;

bool Holds(const AppliedState& applied, HoldKind kind) {
  return std::any_of(applied.holds.begin(), applied.holds.end(),
                     [&](const Hold& hold) { return hold.kind == kind; });
}

// An answer of this peer would bring again what a constraint of ours or a clock holds back, and wait with it.
bool BringsWhatIsRefused(const Heartbeat& peer, const AppliedState& applied) {
  return std::any_of(applied.holds.begin(), applied.holds.end(), [&](const Hold& hold) {
    if (hold.kind != HoldKind::kRefused && hold.kind != HoldKind::kClock) return false;
    const Lseq has = peer.origin == hold.origin ? peer.published : peer.progress.Get(hold.origin);
    return has > applied.progress.Get(hold.origin);
  });
}

// `peer` has applied, or published, something that we have not: of which origins.
bool NoteAhead(const Heartbeat& peer, const change::ProgressVector& ours, const Origin& self,
               std::set<Origin>* ahead) {
  bool any = false;
  const auto note = [&](const Origin& origin, Lseq lseq) {
    if (origin == self || lseq <= ours.Get(origin)) return;
    ahead->insert(origin);
    any = true;
  };
  if (!HL_MUTANT(lost_tail_unnoticed)) note(peer.origin, peer.published);
  for (const auto& [origin, lseq] : peer.progress.map()) note(origin, lseq);
  return any;
}

// Everything `vector` names is applied here, or our own.
bool Have(const AppliedState& applied, const Origin& self, const change::ProgressVector& vector) {
  return std::all_of(vector.map().begin(), vector.map().end(), [&](const auto& entry) {
    return entry.first == self || applied.progress.Covers(entry.first, entry.second);
  });
}

// What `peer` has forgotten we have applied, so that it can tell us all that we lack.
bool CanAnswer(const Heartbeat& peer, const AppliedState& applied, const Origin& self) {
  return Have(applied, self, peer.collected) || HL_MUTANT(forgotten_repaired);
}

// What `peer` sends may be applied here: it has applied all that is forgotten here.
bool IsUpToDate(const Heartbeat& peer, const AppliedState& applied) {
  return std::all_of(applied.collected.map().begin(), applied.collected.map().end(), [&](const auto& entry) {
    return entry.first == peer.origin || peer.progress.Covers(entry.first, entry.second);
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

  const AppliedState applied = d_.shared->applied();
  Heartbeat own;
  own.origin = d_.shared->self();
  own.session = d_.session;
  own.wall_ms = d_.clock->WallMs();
  own.published = d_.shared->published_as_self();
  own.schema_fingerprint = applied.schema_fingerprint;
  own.progress = applied.progress;
  own.journaled = applied.journaled;
  own.collected = applied.collected;
  WeighMembers(applied, now);
  d_.shared->SetBehindForgotten(BehindForgotten(applied, now));
  own.asks = WhomToAsk(applied, now);
  if (own.asks)
    d_.logger->Info("changes are missing here and the log does not bring them: asking node {}",
                    own.asks->value);
  if (now < listen_until_ms_) return StepResult::Progress();
  auto put = d_.store->Put(HeartbeatKey(own.origin.node), EncodeHeartbeat(own));
  if (!put.ok()) return Fail(put.error());
  said_.clear();
  return StepResult::Progress();
}

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
    if (!heartbeat.ok()) continue;  // of a version we do not know; it says nothing to us
    peer.heartbeat = std::move(*heartbeat);
    peer.heard_ms = now;
    if (peer.heartbeat.origin.node == self.node) {
      HearNamesake(peer.heartbeat, first_look, now);
      continue;
    }
    if (!first_look) membership_.Hear(peer.heartbeat, now, d_.clock->WallMs());
    if (peer.heartbeat.progress.Get(self) > d_.shared->sending()) {
      d_.logger->Warning("node {} has changes of this node that this database does not have: it is a "
                         "copy or was restored from a backup; it goes on as a new incarnation",
                         peer.heartbeat.origin.node.value);
      d_.shared->RequestIncarnation({.read_log_again = true, .numbers_shared = true});
    }
    if (peer.heartbeat.asks == self.node) Answer(peer.heartbeat, now);
  }
  return Ok();
}

void Keeper::WeighMembers(const AppliedState& applied, int64_t now) {
  std::vector<Membership::Event> events;
  d_.shared->SetMembership(membership_.Weigh(applied.progress, d_.shared->self(), now,
                                             d_.clock->WallMs(), &events));
  for (const Membership::Event& event : events) {
    if (event.evicted)
      d_.logger->Warning("node {} has been silent for longer than the eviction horizon: what was deleted is "
                         "forgotten without it; it fetches a snapshot when it comes back",
                         event.node.value);
    else
      d_.logger->Info("node {} is back", event.node.value);
  }
}

bool Keeper::BehindForgotten(const AppliedState& applied, int64_t now) const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    const Peer& peer = entry.second;
    return now - peer.heard_ms <= kPeerSilentMs && !CanAnswer(peer.heartbeat, applied, d_.shared->self());
  });
}

void Keeper::HearNamesake(const Heartbeat& namesake, bool first_look, int64_t now) {
  if (namesake.session == d_.session) return;
  if (first_look) {
    listen_until_ms_ = now + kListenFirstMs;
    return;
  }
  // It was there first, or we started together: then the greater session gives way.
  if (now < listen_until_ms_ || d_.session > namesake.session) rivalled_ = true;
}

// Some origin's changes have not moved here for a while although `ahead` says that there are more, and the log will
// not bring them: it is read to its end, or what it brought of that origin waits.
bool Keeper::IsStuck(const AppliedState& applied, const std::set<Origin>& ahead, int64_t now) {
  std::map<Origin, Standstill> still;
  bool stuck = false;
  for (const Origin& origin : ahead) {
    const bool waits = std::any_of(applied.holds.begin(), applied.holds.end(), [&](const Hold& hold) {
      return hold.origin == origin && (hold.kind == HoldKind::kMissing || hold.kind == HoldKind::kStale);
    });
    if (!applied.caught_up && !waits) continue;
    const Lseq at = applied.progress.Get(origin);
    const auto before = still_.find(origin);
    const int64_t since = before != still_.end() && before->second.at == at ? before->second.since_ms : now;
    still[origin] = {at, since};
    stuck = stuck || now - since >= kRepairPatienceMs;
  }
  still_ = std::move(still);
  return stuck;
}

// Whoever has what we lack, once it is clear that the log will not bring it. Where nobody can tell us all of it,
// a snapshot must.
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
    if (!NoteAhead(peer.heartbeat, applied.progress, self, &ahead)) continue;
    // Rows of tables that differ would wait here like those we hold already.
    if (Holds(applied, HoldKind::kSchema) &&
        peer.heartbeat.schema_fingerprint != applied.schema_fingerprint)
      continue;
    if (BringsWhatIsRefused(peer.heartbeat, applied)) continue;
    if (!CanAnswer(peer.heartbeat, applied, self)) {
      wanted = true;
      for (const auto& [origin, lseq] : peer.heartbeat.collected.map()) wish.forgotten.Advance(origin, lseq);
      continue;
    }
    if (!IsUpToDate(peer.heartbeat, applied)) continue;
    if (best == nullptr || peer.heartbeat.progress.Covers(best->heartbeat.progress)) best = &peer;
  }
  const bool stuck = IsStuck(applied, ahead, now);
  wanted = (stuck && wanted) || IsAlone(applied, alive, now);
  d_.shared->SetResyncWish(wanted && best == nullptr ? std::optional(wish) : std::nullopt);
  if (best == nullptr || !stuck || HL_MUTANT(repair_never_asked)) return std::nullopt;
  return best->heartbeat.origin.node;
}

// Something is missing, and nobody is there who could be asked.
bool Keeper::IsAlone(const AppliedState& applied, bool alive, int64_t now) {
  const bool missing = !alive && applied.caught_up && (Holds(applied, HoldKind::kMissing) || d_.shared->log_gap());
  if (!missing) alone_since_ms_.reset();
  if (missing && !alone_since_ms_) alone_since_ms_ = now;
  return missing && now - *alone_since_ms_ >= kAlonePatienceMs;
}

void Keeper::Answer(const Heartbeat& peer, int64_t now) {
  const auto it = answered_.find(peer.origin.node);
  if (it != answered_.end() && it->second.first == peer.progress &&
      now - it->second.second < kRepairRepeatMs)
    return;
  answered_[peer.origin.node] = {peer.progress, now};
  const AppliedState applied = d_.shared->applied();
  // What the asker wrote itself it has.
  change::ProgressVector have = peer.progress;
  have.Advance(peer.origin, applied.progress.Get(peer.origin));
  // Else it sees so in our heartbeat, and fetches a snapshot.
  if (!have.Covers(applied.collected) && !HL_MUTANT(forgotten_repaired)) return;
  d_.shared->RequestRepair(have);
}

}  // namespace harmonylite::node
