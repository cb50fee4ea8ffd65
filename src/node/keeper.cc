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

// `peer` has applied, or published, something that we have not.
bool IsAhead(const Heartbeat& peer, const change::ProgressVector& ours, const Origin& self) {
  if (peer.published > ours.Get(peer.origin) && !HL_MUTANT(lost_tail_unnoticed)) return true;
  for (const auto& [origin, lseq] : peer.progress.map())
    if (origin != self && lseq > ours.Get(origin)) return true;
  return false;
}

}  // namespace

Keeper::Keeper(const Dependencies& dependencies) : d_(dependencies) {}

StepResult Keeper::Fail(const Error& error) {
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
  HL_ASSIGN(const auto entries, d_.store->List(kHeartbeatPrefix));
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
    if (peer.heartbeat.progress.Get(self) > d_.shared->sending()) {
      d_.logger->Warning("node {} has changes of this node that this database does not have: it is a "
                         "copy or was restored from a backup; it goes on as a new incarnation",
                         peer.heartbeat.origin.node.value);
      d_.shared->RequestIncarnation();
    }
    if (peer.heartbeat.asks == self.node) Answer(peer.heartbeat, now);
  }
  return Ok();
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

// Whoever has what we lack, once it is clear that the log will not bring it.
std::optional<NodeId> Keeper::WhomToAsk(const AppliedState& applied, int64_t now) {
  const Origin self = d_.shared->self();
  if (applied.progress != last_progress_ || !applied.caught_up) {
    last_progress_ = applied.progress;
    behind_since_ms_.reset();
    return std::nullopt;
  }
  const Peer* best = nullptr;
  for (const auto& [key, peer] : peers_) {
    if (peer.heartbeat.origin.node == self.node || now - peer.heard_ms > kPeerSilentMs) continue;
    if (!IsAhead(peer.heartbeat, applied.progress, self)) continue;
    // Rows of tables that differ would wait here like those we hold already.
    if (Holds(applied, HoldKind::kSchema) &&
        peer.heartbeat.schema_fingerprint != applied.schema_fingerprint)
      continue;
    if (BringsWhatIsRefused(peer.heartbeat, applied)) continue;
    if (best == nullptr || peer.heartbeat.progress.Covers(best->heartbeat.progress)) best = &peer;
  }
  if (best == nullptr || HL_MUTANT(repair_never_asked)) {
    behind_since_ms_.reset();
    return std::nullopt;
  }
  if (!behind_since_ms_) behind_since_ms_ = now;
  if (now - *behind_since_ms_ < kRepairPatienceMs) return std::nullopt;
  return best->heartbeat.origin.node;
}

void Keeper::Answer(const Heartbeat& peer, int64_t now) {
  const auto it = answered_.find(peer.origin.node);
  if (it != answered_.end() && it->second.first == peer.progress &&
      now - it->second.second < kRepairRepeatMs)
    return;
  answered_[peer.origin.node] = {peer.progress, now};
  // What the asker wrote itself it has.
  change::ProgressVector have = peer.progress;
  have.Advance(peer.origin, d_.shared->applied().progress.Get(peer.origin));
  d_.shared->RequestRepair(have);
}

}  // namespace harmonylite::node
