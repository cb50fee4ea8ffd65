#include "node/recovery/snapshot_keeper.h"

#include <algorithm>

#include "base/mutant.h"
#include "ledger/fingerprint.h"

namespace harmonylite::node {

namespace {

// A node that has just started waits for so long to read the log before it leads.
constexpr int64_t kReadWithinMs = 5'000;

// What waits for a sender that is behind ends with a snapshot of exactly such a node as this one.
bool HoldsBack(const AppliedState& applied) {
  return std::any_of(applied.holds.begin(), applied.holds.end(),
                     [](const Hold& hold) { return hold.kind != HoldKind::kStale; });
}

}  // namespace

SnapshotKeeper::SnapshotKeeper(Dependencies dependencies)
    : d_(std::move(dependencies)),
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
  if (Status decided = Decide(now); !decided.ok()) return StepResult::Blocked(decided.error().message());
  return StepResult::Progress();
}

void SnapshotKeeper::Release() {
  d_.board->Cancel();
  lease_.Release();
  d_.board->SetLeading(false);
}

// Any node with tables can; but one that has everything is better, and one whose disk is full lets
// others try.
bool SnapshotKeeper::Willing(int64_t now) {
  const AppliedState applied = d_.shared->applied();
  if (applied.schema_fingerprint == ledger::kNoTables && !HL_MUTANT(empty_snapshot_stored)) {
    lease_.Release();
    return false;
  }
  const bool fit = !HoldsBack(applied) && !d_.shared->resync_wish() && failures_ < kSnapshotMaxFailures;
  if (fit) fit_ms_ = now;
  // Where writes never pause, a node is hardly ever seen to have read everything.
  read_all_ = read_all_ || applied.caught_up || now - began_ms_ > kReadWithinMs;
  const int64_t unfit = now - fit_ms_;
  if (lease_.held() && !fit && unfit > d_.policy.leader_ttl_ms) {
    lease_.Release();
    fit_ms_ = now;
    return false;
  }
  return (fit && read_all_) || lease_.held() || unfit > kSnapshotUnfitTtls * d_.policy.leader_ttl_ms;
}

// Whoever asked for a snapshot shows it while it waits.
std::string SnapshotKeeper::Note() const {
  std::string error = d_.board->last_error();
  std::replace(error.begin(), error.end(), '\n', ' ');
  if (d_.board->busy())
    return fmt::format("node {} makes one", d_.shared->self().node.value);
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
    not_before_ms_ = now + std::min(kSnapshotRetryMs << std::min<int64_t>(failures_ - 1, 5), kSnapshotMaxRetryMs);
    request_ = 0;
  }
  if (const int64_t done = d_.board->done(); done != seen_done_) {
    seen_done_ = done;
    failures_ = 0;
    not_before_ms_ = 0;
    // Asked again meanwhile: another revision, which stays.
    auto request = request_ == 0 ? Result<ports::MetaEntry>(ports::MetaEntry{}) : d_.meta->Get(kSnapshotRequest);
    if (request_ != 0 && request.ok() && request->revision == request_ &&
        !d_.meta->Delete(kSnapshotRequest).ok())
      d_.logger->Debug("a request for a snapshot could not be taken back: another one will be made");
    request_ = 0;
  }
  const auto newest = d_.board->newest();
  if (!newest) {
    made_ms_ = -1;
    made_name_.clear();
  } else if (newest->name != made_name_) {
    // Between nodes there is only the wall clock for an age; it decides nothing but when the next one is due.
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
  // What it lacks itself it cannot give itself: soon it is no longer the one that makes them.
  if (d_.shared->resync_wish() && request->value == ResyncRequest(d_.shared->self().node)) return Ok();
  request_ = request->revision;
  d_.board->Want("a node asks for one");
  return Ok();
}

Status SnapshotKeeper::Decide(int64_t now) {
  if (d_.board->busy()) return Ok();
  HL_TRY(HearRequests(now));  // also where nobody knows what the store holds, as it cannot be read
  if (!d_.board->looked()) return Ok();
  // Unasked, a node that is too far behind would only hide the snapshot of one that is not.
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

// Half of what the log keeps is left for making it, and for whoever restores it.
Result<bool> SnapshotKeeper::LogForgets() {
  const int64_t batches = d_.shared->applied().totals.batches + d_.shared->sent().batches;
  if (batches == looked_at_batches_) return false;
  HL_ASSIGN(const ports::LogState state, d_.log->State());
  looked_at_batches_ = batches;
  uint64_t covered = 0;
  if (const auto newest = d_.board->newest(); newest && newest->manifest.log_created == state.created_ns)
    covered = newest->manifest.cursor;
  covered = std::max(covered, told_at_);
  const int64_t limit = std::max<int64_t>(d_.policy.max_entries / 2, 1);
  if (state.last.value <= covered || static_cast<int64_t>(state.last.value - covered) < limit) return false;
  told_at_ = state.last.value;
  return true;
}

}  // namespace harmonylite::node
