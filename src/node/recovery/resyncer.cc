#include "node/recovery/resyncer.h"

#include <algorithm>
#include <utility>

#include "base/mutant.h"
#include "node/options.h"

namespace harmonylite::node {

namespace {

using change::ProgressVector;

// True if `knowledge` covers all of `vector` except the entry of `self`, this node's own changes.
bool CoversForeign(const change::Knowledge& knowledge, const ProgressVector& vector,
                   const Origin& self) {
  return std::all_of(vector.map().begin(), vector.map().end(), [&](const auto& entry) {
    return entry.first == self || knowledge.Covers(entry.first, entry.second);
  });
}

}  // namespace

StepResult Resyncer::Wait(int64_t ms, std::string why) {
  not_before_ms_ = d_.clock->MonotonicMs() + ms;
  if (why != said_) {
    said_ = std::move(why);
    d_.logger->Warning("this node is too far behind and needs a snapshot: {}", said_);
  }
  return StepResult::Blocked(said_);
}

StepResult Resyncer::Step() {
  const std::optional<ResyncWish> wish = d_.shared->resync_wish();
  const int64_t now = d_.clock->MonotonicMs();
  if (!wish) {
    wished_since_ms_.reset();
    said_.clear();
    not_before_ms_ = 0;
    ForgetUnreadable();
    return StepResult::Idle();
  }
  if (!wished_since_ms_) wished_since_ms_ = now;
  if (!offered_.expired())
    return StepResult::Blocked("a snapshot is being merged with this database");
  NoteOutcome(now);
  if (now < not_before_ms_) return StepResult::Blocked(said_);
  return Look(*wish, now);
}

void Resyncer::NoteOutcome(int64_t now) {
  if (offered_name_.empty()) return;
  const std::string name = std::exchange(offered_name_, {});
  const std::string error = d_.shared->resync_error();
  if (error.empty()) return unmerged_.reset();
  const uint64_t schema = d_.shared->applied().schema_fingerprint;
  const bool again = unmerged_ && unmerged_->schema == schema;
  const int64_t wait = again ? std::min(2 * unmerged_->wait_ms, kUnmergedMostMs) : kUnmergedRetryMs;
  unmerged_ = Unmerged{name, schema, wait, again ? now + wait : now, error};
}

// Judges a snapshot by its manifest, before it is fetched. It must cover the deletes that some
// other node has forgotten, or this node would be as far behind as before, and it must have
// something that this node lacks. The best one covers what every node has forgotten, and what is
// here: other nodes' rows that it lacks would have to be written anew as this node's own. Such a
// snapshot is waited for during kWholeSnapshotPatienceMs, but no longer, because nobody may be able
// to make it.
std::string Resyncer::WhyNot(const SnapshotInfo& snapshot, const ResyncWish& wish,
                             int64_t now) const {
  const Origin self = d_.shared->self();
  const AppliedState applied = d_.shared->applied();
  const change::Knowledge ours(applied.progress, *applied.retirements, self, Lseq(INT64_MAX));
  const change::Knowledge theirs(snapshot.progress, *applied.retirements);
  const bool patient = now - *wished_since_ms_ < kWholeSnapshotPatienceMs;
  const auto covered = [&](const ProgressVector& forgotten) {
    return CoversForeign(theirs, forgotten, self);
  };
  const auto& all = wish.forgotten;
  if (patient ? !std::all_of(all.begin(), all.end(), covered)
              : !all.empty() && std::none_of(all.begin(), all.end(), covered))
    return "the newest one is older than deletes that the others have forgotten; they are asked "
           "for another";
  if (CoversForeign(ours, snapshot.progress, self) && d_.shared->log_gap())
    d_.shared->SetLogGap(false);
  if (CoversForeign(ours, snapshot.progress, self))
    return "the newest one has nothing that is missing here; the others are asked for another";
  const bool whole =
      CoversForeign(theirs, applied.progress, self) && theirs.Covers(applied.collected);
  if (!whole && patient)
    return "the newest one lacks changes that are here; the others are asked for another";
  return {};
}

StepResult Resyncer::AskForAnother(const std::string& why) {
  const Status asked = d_.source->Ask(d_.shared->self().node);
  return Wait(kResyncRetryMs, asked.ok() ? why : asked.error().message());
}

// Leaves a snapshot alone that cannot be read now, though it may be good, and tries the next one at
// once.
StepResult Resyncer::PassOver(const std::string& name, const Error& why, int64_t now) {
  if (HL_MUTANT(silent_snapshot_waited_for)) return Wait(kResyncRetryMs, why.message());
  d_.shared->SetUnreadableSnapshot(unreadable_.Note(name, why.message(), now));
  return Wait(0, unreadable_.text());
}

// Forgets which snapshots could not be read, and withdraws the note in health.
void Resyncer::ForgetUnreadable() {
  if (!unreadable_.any()) return;
  unreadable_ = {};
  d_.shared->SetUnreadableSnapshot({});
}

// Takes the newest snapshot that is not left alone. If it does not help and a newer one could not
// be read, requests for another become rarer: each is work for its maker, and none helps while it
// is this node that cannot read.
StepResult Resyncer::Look(const ResyncWish& wish, int64_t now) {
  auto listed = d_.source->List();
  if (!listed.ok()) return Wait(kResyncRetryMs, listed.error().message());
  const auto newest = std::find_if(listed->begin(), listed->end(), [&](const SnapshotInfo& one) {
    return !unreadable_.LeftAlone(one.name, now);
  });
  std::string why = "there is none that can be read; the others are asked for one";
  if (newest != listed->end()) why = WhyNot(*newest, wish, now);
  if (!why.empty() && newest != listed->begin()) {
    why = unreadable_.text();
    if (!unreadable_.MayAsk(now)) return Wait(kResyncRetryMs, why);
  }
  if (!why.empty()) return AskForAnother(why);
  if (unmerged_ && unmerged_->name == newest->name &&
      unmerged_->schema == d_.shared->applied().schema_fingerprint) {
    if (now < unmerged_->again_ms) return StepResult::Blocked(said_);
    unmerged_->again_ms = now + unmerged_->wait_ms;
    return AskForAnother("the newest one cannot be merged with this database (" + unmerged_->error +
                         "); the others are asked for another");
  }
  d_.logger->Info("fetching snapshot {}: this node is too far behind to catch up from the log",
                  newest->name);
  auto opened = d_.source->Open(newest->name);
  if (!opened.ok()) {
    if (opened.error().code() == ErrorCode::kRetryLater)
      return PassOver(newest->name, opened.error(), now);
    // A damaged snapshot stays the newest one until another is made, so another is requested.
    return AskForAnother(opened.error().message());
  }
  ForgetUnreadable();
  auto ahead = MsAhead((*opened)->db(), *d_.clock);
  if (!ahead.ok()) return Wait(kResyncRetryMs, ahead.error().message());
  if (*ahead > d_.max_clock_skew_ms && !HL_MUTANT(snapshot_from_the_future))
    return AskForAnother(
        "the newest one holds stamps from the future, so that a clock is wrong, its maker's or "
        "this node's; the others are asked for another");
  offered_ = *opened;
  offered_name_ = newest->name;
  d_.shared->OfferSnapshot(std::move(*opened));
  // The consumer needs time to merge, and the keeper to see what is missing then.
  not_before_ms_ = d_.clock->MonotonicMs() + kResyncRetryMs;
  return StepResult::Progress();
}

}  // namespace harmonylite::node
