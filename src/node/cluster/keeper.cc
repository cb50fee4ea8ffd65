#include "node/cluster/keeper.h"

#include <algorithm>

#include "base/mutant.h"
#include "ledger/fingerprint.h"
#include "node/options.h"

namespace harmonylite::node {

namespace {

// A live process answers within two beats of its own; the third is for an entry that was lost.
constexpr int kKnocks = 3;
// An answer proves that somebody lived when we put the entry it names. An older one may be of a
// rival that is gone.
constexpr uint64_t kFreshBeats = 8;
// By so much a beat may come early where two processes put entries under one key, so that neither
// always overwrites what the other has just put: milliseconds, a power of two.
constexpr int kEarlierBits = 10;

uint64_t Mix(uint64_t value) { return value * 0x9E3779B97F4A7C15ull; }

bool Holds(const AppliedState& applied, HoldKind kind) {
  return std::any_of(applied.holds.begin(), applied.holds.end(),
                     [&](const Hold& hold) { return hold.kind == kind; });
}

// An answer of this peer would bring again what a constraint of ours or a clock holds back, and
// wait with it.
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
  return std::all_of(
      applied.collected.map().begin(), applied.collected.map().end(), [&](const auto& entry) {
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
  if (rivalled_) return StepResult::Progress();  // the other one speaks for this node

  const AppliedState applied = d_.shared->applied();
  Heartbeat own;
  own.origin = d_.shared->self();
  own.session = d_.session;
  own.beat = ++beat_;
  if (hears_namesake(now)) own.hears = heard_;
  own.wall_ms = d_.clock->WallMs();
  own.published = d_.shared->published_as_self();
  own.schema_fingerprint = applied.schema_fingerprint;
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
    peer.lives = !first_look;
    if (peer.heartbeat.origin.node == self.node) {
      HearNamesake(peer.heartbeat, entry.revision, now);
      continue;
    }
    if (!first_look) membership_.Hear(peer.heartbeat, now, d_.clock->WallMs());
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

void Keeper::WeighMembers(const AppliedState& applied, int64_t now) {
  std::vector<Membership::Event> events;
  d_.shared->SetMembership(
      membership_.Weigh(applied.progress, d_.shared->self(), now, d_.clock->WallMs(), &events));
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

bool Keeper::BehindForgotten(const AppliedState& applied, int64_t now) const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    const Peer& peer = entry.second;
    return now - peer.heard_ms <= kPeerSilentMs &&
           !CanAnswer(peer.heartbeat, applied, d_.shared->self());
  });
}

// An application that makes its tables on one node after the other has a moment for that.
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

// What another session of our node has put: a live process, or what is left of a former one.
void Keeper::HearNamesake(const Heartbeat& namesake, uint64_t revision, int64_t now) {
  if (namesake.session == d_.session) return;
  heard_ = Beat{namesake.session, namesake.beat};
  heard_ms_ = now;
  if (!Lives(namesake, revision)) return;
  // It was there first, or both were introduced: then the one with the greater session, the later
  // one, gives way.
  if (!introduced_ || d_.session > namesake.session) rivalled_ = true;
}

// A process that has just started waits for our answer before it speaks.
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

// Only what names one of our newest entries can not have been written before we put it, whatever
// the registry has lost and shows again: our session was drawn when this process started.
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

// Where our next entry goes.
std::string Keeper::NextKey(int64_t now) {
  if (!introduced_) introduced_ = !heard_ || knocks_ >= kKnocks;
  const NodeId self = d_.shared->self().node;
  if (!introduced_) return KnockKey(self);
  if (hears_namesake(now))
    next_ms_ -= static_cast<int64_t>(Mix(d_.session + beat_) >> (64 - kEarlierBits));
  return HeartbeatKey(self);
}

// Some origin's changes have not moved here for a while although `ahead` says that there are more,
// and the log will not bring them: it is read to its end, or what it brought of that origin waits.
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
    const Lseq at = applied.progress.Get(origin);
    const auto before = still_.find(origin);
    const int64_t since =
        before != still_.end() && before->second.at == at ? before->second.since_ms : now;
    still[origin] = {at, since};
    stuck = stuck || now - since >= kRepairPatienceMs;
  }
  still_ = std::move(still);
  return stuck;
}

// Whoever has what we lack, once it is clear that the log will not bring it. Where nobody can tell
// us all of it, a snapshot must.
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
      for (const auto& [origin, lseq] : peer.heartbeat.collected.map())
        wish.forgotten.Advance(origin, lseq);
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
  const bool missing =
      !alive && applied.caught_up && (Holds(applied, HoldKind::kMissing) || d_.shared->log_gap());
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
