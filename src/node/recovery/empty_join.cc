#include "node/recovery/empty_join.h"

#include "base/free_memory.h"
#include "base/mutant.h"
#include "ledger/fingerprint.h"
#include "node/cluster/heartbeat.h"
#include "node/cluster/lease.h"
#include "node/options.h"
#include "node/recovery/snapshot_keeper.h"
#include "node/snapshot_source.h"
#include "snapshot/restore.h"

namespace harmonylite::node {

namespace {

// A cluster whose servers are still gathering a quorum can be reached within this time.
constexpr int64_t kReachWithinMs = 30'000;

}  // namespace

EmptyJoin::EmptyJoin(Dependencies dependencies)
    : d_(std::move(dependencies)), catalog_(d_.store), began_ms_(d_.clock->MonotonicMs()) {}

EmptyJoin::Outcome EmptyJoin::StartEmpty(std::string_view why) {
  d_.logger->Info("starting with an empty database: {}", why);
  return Outcome::kStartEmpty;
}

EmptyJoin::Outcome EmptyJoin::LeaveToApplication() {
  d_.logger->Info("{} has tables by now, so it gets none from the cluster", d_.options.db_path);
  return Outcome::kStartEmpty;
}

Result<EmptyJoin::Outcome> EmptyJoin::Later(const Error& error) {
  if (error.code() == ErrorCode::kConflict) return LeaveToApplication();
  if (error.code() != ErrorCode::kRetryLater) return error.Copy();
  listens_since_ms_.reset();
  const int64_t now = d_.clock->MonotonicMs();
  waiting_for_ = error.message();
  if (!activity_.cancelled() && now - reached_ms_.value_or(began_ms_) > kReachWithinMs &&
      !alive_ms_) {
    d_.logger->Warning(
        "the cluster cannot be reached ({}), so this node does not get its tables from there: "
        "make them, or start it again when it can be reached",
        error.message());
    return Outcome::kStartEmpty;
  }
  return Outcome::kWaiting;
}

Result<EmptyJoin::Outcome> EmptyJoin::Step() {
  auto empty = snapshot::CanBecomeReplica(d_.options.db_path, d_.options.vfs);
  if (empty.ok() && !*empty) return LeaveToApplication();
  auto outcome = TrySnapshots();
  const bool waits = HL_MUTANT(silent_snapshot_waited_for) && !unread_.empty();
  if (outcome.ok() && *outcome == Outcome::kWaiting && !waits) outcome = AskForOne();
  if (!outcome.ok()) return Later(outcome.error());
  reached_ms_ = d_.clock->MonotonicMs();
  return outcome;
}

Result<EmptyJoin::Outcome> EmptyJoin::TrySnapshots() {
  HL_ASSIGN(const std::vector<snapshot::Listed> all, catalog_.List());
  unread_.clear();
  for (const snapshot::Listed& one : all) {
    if (one.passing || unreadable_.LeftAlone(one.name, d_.clock->MonotonicMs())) {
      unread_ = one.name;
      continue;
    }
    if (!one.problem.empty() || refused_.contains(one.name)) continue;
    if (const auto early = early_.find(one.name);
        early != early_.end() && d_.clock->WallMs() < early->second)
      continue;
    HL_ASSIGN(const bool restored, TryOne(one));
    if (restored) return Outcome::kRestored;
  }
  activity_.Begin(snapshot::Phase::kWaiting, 0);
  return Outcome::kWaiting;
}

Result<bool> EmptyJoin::TryOne(const snapshot::Listed& listed) {
  d_.logger->Info("joining from snapshot {}: {} bytes", listed.name, listed.manifest->packed);
  auto opened = catalog_.Open(listed, d_.options, &activity_);
  if (!opened.ok()) {
    HL_TRY(PassOver(listed, std::move(opened).error()));
    return false;
  }
  HL_ASSIGN(const int64_t ahead, MsAhead(&opened->db(), *d_.clock));
  if (ahead > d_.max_clock_skew_ms && !HL_MUTANT(snapshot_from_the_future)) {
    d_.logger->Warning(
        "snapshot {} is not used yet: it holds stamps that are {} ms ahead of this node's clock; "
        "set the clocks, its maker's or this node's",
        listed.name, ahead);
    early_[listed.name] = d_.clock->WallMs() + ahead - d_.max_clock_skew_ms;
    return false;
  }
  HL_TRY(snapshot::Restore(&*opened, d_.options.db_path, d_.options.vfs, &activity_));
  ReturnFreeMemory();
  d_.logger->Info("restored snapshot {} into {}", listed.name, d_.options.db_path);
  return true;
}

// Notes why a snapshot was passed over: a damaged one is never tried again, and one that could not
// be read is left alone for a while.
Status EmptyJoin::PassOver(const snapshot::Listed& listed, Error why) {
  if (why.code() != ErrorCode::kRetryLater) {
    d_.logger->Error("snapshot {} cannot be used: {}", listed.name, why.message());
    refused_.insert(listed.name);
    return Ok();
  }
  if (activity_.cancelled()) return why;
  d_.logger->Warning("{}", unreadable_.Note(listed.name, why.message(), d_.clock->MonotonicMs()));
  unread_ = listed.name;
  return Ok();
}

// A heartbeat that lies in the registry proves nothing: it may be a former process's. Only an entry
// that changes while this node looks, or that appears after the first look, shows a running node.
// Nodes that say they have no tables do not count.
Result<bool> EmptyJoin::MayHearTables() {
  HL_ASSIGN(const auto entries, d_.meta->List(kHeartbeatPrefix));
  const int64_t now = d_.clock->MonotonicMs();
  const bool first_look = !listens_since_ms_;
  if (first_look) listens_since_ms_ = now;
  bool anyone = !d_.alone && !HL_MUTANT(empty_registry_is_nobody);
  for (const auto& [key, entry] : entries) {
    if (key == HeartbeatKey(d_.self)) continue;
    const auto heartbeat = DecodeHeartbeat(entry.value);
    if (heartbeat.ok() && heartbeat->schema_fingerprint == ledger::kNoTables) continue;
    anyone = true;
    const auto [it, is_new] = revisions_.try_emplace(key, entry.revision);
    if (is_new ? first_look : it->second == entry.revision) continue;
    it->second = entry.revision;
    alive_ms_ = now;
  }
  return anyone && now - std::max(*listens_since_ms_, alive_ms_.value_or(0)) <= kListenMs;
}

Result<EmptyJoin::Outcome> EmptyJoin::AskForOne() {
  HL_ASSIGN(const bool alive, MayHearTables());
  if (!alive && !early_.empty()) {
    waiting_for_ = "the time of a snapshot's stamps, which are in the future";
    return Outcome::kWaiting;
  }
  if (!alive && !unread_.empty()) {
    waiting_for_ = fmt::format("snapshot {}, which cannot be read now, or another one", unread_);
    return Outcome::kWaiting;
  }
  if (!alive) return StartEmpty("there is no snapshot, and no other node with tables is running");
  if (revisions_.empty()) {
    // Attaching has a price: a snapshot that arrives later takes longer to be restored into a file
    // that has pages (decision 30).
    if (!attached_) HL_TRY(d_.attach());
    attached_ = true;
    waiting_for_ = "waiting for other nodes to be heard";
    return Outcome::kWaiting;
  }
  const int64_t now = d_.clock->MonotonicMs();
  auto note = Lease::NoteOf(d_.meta, kSnapshotLease);
  if (!note.ok() && note.error().code() != ErrorCode::kNotFound) return std::move(note).error();
  if (note.ok() || !maker_ms_) maker_ms_ = now;
  if (now - *maker_ms_ > 2 * d_.leader_ttl_ms && unread_.empty()) {
    d_.logger->Warning(
        "other nodes are running, but none of them makes snapshots ([snapshot] enabled): this node "
        "gets no tables from there; make them");
    return Outcome::kStartEmpty;
  }
  // The request is put again whenever it is absent: it vanishes if the registry is emptied, and if
  // the snapshot that answered it turned out to be damaged.
  auto request = d_.meta->Get(kSnapshotRequest);
  if (!request.ok() && request.error().code() != ErrorCode::kNotFound)
    return std::move(request).error();
  // A resync request is not answered by the node that made it. This node's request replaces such a
  // request, because any node may answer this one; the other node repeats its own. While snapshots
  // cannot be read, requests become rarer, because each is work for its maker.
  const bool asks = !request.ok() || IsResyncRequest(request->value);
  if (asks && (!unreadable_.any() || unreadable_.MayAsk(now))) {
    HL_ASSIGN([[maybe_unused]] const uint64_t revision,
              d_.meta->Put(kSnapshotRequest, fmt::format("node {}", d_.self.value)));
  }
  if (!asked_)
    d_.logger->Info("there is no snapshot{}: asking the nodes that run for one",
                    unread_.empty() ? "" : " that can be read");
  asked_ = true;
  waiting_for_ = note.ok() ? *note : "no node has taken the request yet";
  return Outcome::kWaiting;
}

}  // namespace harmonylite::node
