#include "node/recovery/snapshot_keeper.h"

#include <algorithm>

#include "base/mutant.h"
#include "ledger/fingerprint.h"

namespace harmonylite::node {

namespace {

// How long a node that has just started waits to have read the log before it takes the lease.
constexpr int64_t kReadWithinMs = 5'000;

// True if a batch is held for a reason other than a stale sender. A stale sender does not
// disqualify this node: a snapshot made here is exactly what that sender needs.
bool HoldsBack(const AppliedState& applied) {
  return std::any_of(applied.holds.begin(), applied.holds.end(),
                     [](const Hold& hold) { return hold.kind != HoldKind::kStale; });
}

}  // namespace

SnapshotKeeper::SnapshotKeeper(Dependencies dependencies)
    : d_(dependencies),
      lease_(d_.meta, d_.clock,
             {kSnapshotLease, d_.policy.leader_ttl_ms, d_.shared->self().node, d_.session}),
      began_ms_(d_.clock->MonotonicMs()),
      fit_ms_(began_ms_) {}

StepResult SnapshotKeeper::Step() {
  const int64_t now = d_.clock->MonotonicMs();
  if (now < next_ms_) return StepResult::Idle();
  next_ms_ = now + kSnapshotStepMs;
  NoteOutcome(now);
  const bool led = d_.board->leading();
  const auto leads = lease_.Step(Willing(now), Note());
  d_.board->SetLeading(lease_.held());
  if (led != lease_.held())
    d_.logger->Debug("this node {} the one that makes snapshots", led ? "is no longer" : "is now");
  if (!led && lease_.held()) {
    fit_ms_ = now;
    failures_ = 0;
  }
  if (led && !lease_.held() && d_.board->busy()) {
    d_.logger->Warning("the lease for making snapshots was lost: the one being made is given up");
    d_.board->Cancel();
  }
  if (!leads.ok()) return StepResult::Blocked(leads.error().message());
  if (!*leads) return StepResult::Idle();
  if (Status decided = Decide(now); !decided.ok())
    return StepResult::Blocked(decided.error().message());
  return StepResult::Progress();
}

void SnapshotKeeper::Release() {
  d_.board->Cancel();
  lease_.Release();
  d_.board->SetLeading(false);
}

// Any node with tables can make snapshots, but a node that has applied everything makes better
// ones, and a node whose disk is full must let others try. So a node is *fit* if it holds nothing
// back, needs no snapshot itself and has not failed too often in a row.
//
// A fit node takes a free lease as soon as it has read the log. An unfit node takes a free lease
// only after it has been unfit for kSnapshotUnfitTtls times the time to live. A fit node would have
// taken the lease by then, and a snapshot that lacks something is better than none. A holder that
// becomes unfit frees the lease after one time to live.
bool SnapshotKeeper::Willing(int64_t now) {
  const AppliedState applied = d_.shared->applied();
  if (applied.schema_fingerprint == ledger::kNoTables && !HL_MUTANT(empty_snapshot_stored)) {
    lease_.Release();
    return false;
  }
  const bool fit =
      !HoldsBack(applied) && !d_.shared->resync_wish() && failures_ < kSnapshotMaxFailures;
  if (fit) fit_ms_ = now;
  // If writes never pause, a node is hardly ever seen to have read everything, so kReadWithinMs is
  // enough.
  read_all_ = read_all_ || applied.caught_up || now - began_ms_ > kReadWithinMs;
  const int64_t unfit = now - fit_ms_;
  if (lease_.held() && !fit && unfit > d_.policy.leader_ttl_ms) {
    lease_.Release();
    fit_ms_ = now;
    return false;
  }
  return (fit && read_all_) || lease_.held() ||
         unfit > kSnapshotUnfitTtls * d_.policy.leader_ttl_ms;
}

// Shown by the nodes that requested a snapshot while they wait.
std::string SnapshotKeeper::Note() const {
  std::string error = d_.board->last_error();
  std::replace(error.begin(), error.end(), '\n', ' ');
  if (d_.board->busy()) return fmt::format("node {} makes one", d_.shared->self().node.value);
  if (!error.empty())
    return fmt::format("node {} could not make one: {}", d_.shared->self().node.value, error);
  return "idle";
}

void SnapshotKeeper::NoteOutcome(int64_t now) {
  if (const int64_t failed = d_.board->failed(); failed != seen_failed_) {
    seen_failed_ = failed;
    ++failures_;
    told_at_ = 0;
    looked_at_batches_ = -1;
    not_before_ms_ = now + std::min(kSnapshotRetryMs << std::min<int64_t>(failures_ - 1, 5),
                                    kSnapshotMaxRetryMs);
    request_ = 0;
  }
  if (const int64_t done = d_.board->done(); done != seen_done_) {
    seen_done_ = done;
    failures_ = 0;
    not_before_ms_ = 0;
    // A request that was repeated while the snapshot was made has another revision. It stays,
    // because the snapshot began before it.
    auto request = request_ == 0 ? Result<ports::MetaEntry>(ports::MetaEntry{})
                                 : d_.meta->Get(kSnapshotRequest);
    if (request_ != 0 && request.ok() && request->revision == request_ &&
        !d_.meta->Delete(kSnapshotRequest).ok())
      d_.logger->Debug(
          "a request for a snapshot could not be taken back: another one will be made");
    request_ = 0;
  }
  const auto newest = d_.board->newest();
  if (!newest) {
    made_ms_ = -1;
    made_name_.clear();
  } else if (newest->name != made_name_) {
    // Between nodes only the wall clock can tell an age. A wrong clock does no harm: the age only
    // decides when the next snapshot is due.
    const int64_t age = std::max<int64_t>(0, d_.clock->WallMs() - newest->manifest.made_ms);
    made_ms_ = now - age;
    made_name_ = newest->name;
  }
}

Status SnapshotKeeper::HearRequests(int64_t now) {
  auto request = d_.meta->RecentEntry(kSnapshotRequest);
  if (!request.ok()) {
    if (request.error().code() == ErrorCode::kNotFound) return Ok();
    return std::move(request).error();
  }
  if (now < not_before_ms_) return Ok();
  // A node cannot give itself what it lacks. It soon frees the lease, and another node answers.
  if (d_.shared->resync_wish() && request->value == ResyncRequest(d_.shared->self().node))
    return Ok();
  request_ = request->revision;
  d_.board->Want("a node asks for one");
  return Ok();
}

// Looks for a reason to make a snapshot, in the order: a request, the interval, the log.
Status SnapshotKeeper::Decide(int64_t now) {
  if (d_.board->busy()) return Ok();
  // A request is answered even if the store could not be read yet, so that its content is unknown.
  HL_TRY(HearRequests(now));
  if (!d_.board->looked()) return Ok();
  // Without a request, a node that is too far behind would only hide the snapshot of a node that is
  // not.
  if (now < not_before_ms_ || d_.board->busy() || d_.shared->resync_wish()) return Ok();
  const bool none = made_ms_ < 0 && !d_.board->newest();
  if (d_.policy.interval_ms > 0 && (none || now - made_ms_ >= d_.policy.interval_ms)) {
    d_.board->Want("the interval has passed");
    return Ok();
  }
  if (now < next_log_look_ms_) return Ok();
  next_log_look_ms_ = now + kSnapshotLogLookMs;
  HL_ASSIGN(const bool forgets, LogForgets());
  if (forgets) d_.board->Want("the log will soon forget what the newest one lacks");
  return Ok();
}

// A snapshot is due when half of what the log keeps was written since the newest snapshot's cursor.
// The other half is left for making the snapshot, and for the node that restores it and then has to
// read the log from there.
Result<bool> SnapshotKeeper::LogForgets() {
  const int64_t batches = d_.shared->applied().totals.batches + d_.shared->sent().batches;
  if (batches == looked_at_batches_) return false;
  HL_ASSIGN(const ports::LogState state, d_.log->State());
  looked_at_batches_ = batches;
  uint64_t covered = 0;
  if (const auto newest = d_.board->newest();
      newest && newest->manifest.log_created == state.created_ns)
    covered = newest->manifest.cursor;
  covered = std::max(covered, told_at_);
  const int64_t limit = std::max<int64_t>(d_.policy.max_entries / 2, 1);
  if (state.last.value <= covered || static_cast<int64_t>(state.last.value - covered) < limit)
    return false;
  told_at_ = state.last.value;
  return true;
}

}  // namespace harmonylite::node
