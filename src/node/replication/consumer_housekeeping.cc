// The consumer's work on its own file between batches: folding, trimming, sharing out ids, and
// forgetting tombstones.
#include <algorithm>

#include "node/replication/consumer.h"

namespace harmonylite::node {

namespace {

// If the application has not committed for this long, it is a good moment to fold and trim.
constexpr int64_t kQuietMs = 20;
// The same while changes wait to be sent. Sending goes first, because other nodes wait for it, but
// a log that cannot be reached must not keep the journal from being folded.
constexpr int64_t kSurelyQuietMs = 1'000;
// Longest rest: after this long maintenance looks at everything even if nothing has changed.
constexpr int64_t kRestMs = 5'000;
// Journal entries folded at a time beside an application that never pauses; few, to hardly be
// noticed.
constexpr int64_t kForcedFold = 64;

}  // namespace

// Folds and trims the journal, counts orphans and rows that stay here, and forgets tombstones, when
// the time is right.
//
// The right time is when the application is quiet: each piece of this work takes the write lock. If
// it never is, one small piece is done every `cleanup_interval`, without trimming. A journal that
// has grown very long is folded and trimmed at full speed even then.
//
// When nothing is left to do, the consumer rests: as long as no connection commits, nothing new is
// published, and kRestMs have not passed, the next steps skip this work and the look at the schema.
// An idle node thus costs almost no processor time.
StepResult Consumer::Maintain() {
  if (rests_) return StepResult::Idle();
  const int64_t now = d_.clock->MonotonicMs();
  d_.replica->SetCursor(Cursor(), log_created_);
  // A node that does not publish need not keep journal entries for sending: they count as published
  // when they are folded, so that they are trimmed.
  if (!d_.options->publish) d_.replica->SetPublished(d_.replica->state().folded_to, Hlc(0));
  const int64_t silence = now - quiet_since_ms_;
  const bool all_sent = !d_.options->publish || d_.shared->published().to >= d_.shared->sending();
  const bool quiet = silence >= (all_sent ? kQuietMs : kSurelyQuietMs);
  const bool due = now - maintained_ms_ >= d_.options->cleanup_interval_ms;
  bool long_journal = false;
  if (!quiet && due) {
    auto length = d_.replica->JournalLength();
    if (!length.ok()) return Busy(length.error());
    long_journal = *length > kMaxJournal;
  }
  if (!quiet && !due) return StepResult::Idle();
  const int64_t fold = quiet || long_journal ? kFoldChunk : kForcedFold;
  const auto kind =
      long_journal ? sqlite::TransactionKind::kWrite : sqlite::TransactionKind::kUpkeep;
  auto done = d_.replica->Maintain(kind, fold, quiet || long_journal ? kTrimChunk : 0);
  d_.shared->SetLastChange(d_.replica->last_change());
  if (!done.ok()) return Busy(done.error());
  if (*done && quiet) {
    // A count that fails is made again later. It is only shown, and nothing depends on it.
    auto counted = d_.replica->CountRows();
    if (!counted.ok())
      d_.logger->Debug("rows cannot be counted now: {}", counted.error().message());
    else if (*counted)
      Share();
  }
  if (!*done && long_journal) return StepResult::Progress();
  if (*done || !quiet) {
    maintained_ms_ = now;
    StepResult forgot = ForgetTombstones(quiet ? kCollectChunk : kForcedFold);
    // What waits for the end of the log is done once the reader has found it, in one of the next
    // steps. A node that rested now would miss that moment after every batch.
    const bool reads = reader_ != nullptr && !caught_up_;
    if (*done && quiet && !reads && forgot.kind == StepResult::kIdle &&
        !d_.replica->counts_rows()) {
      rest_ = Now();
      rest_until_ms_ = now + kRestMs;
    }
    return forgot;
  }
  return StepResult::Progress();
}

StepResult Consumer::ShareIds() {
  if (!d_.options->share_ids || !d_.options->publish) return StepResult::Idle();
  const Origin self = d_.replica->state().self;
  const auto& share = d_.replica->state().ids;
  const auto claim = d_.shared->claimed_ids().Get().claim;
  const bool asked = claim && claim->holder == self;
  if (asked && share != claim->share) {
    if (Status taken = d_.replica->TakeIdShare(claim->share); !taken.ok())
      return Busy(taken.error());
    d_.shared->file_ids().Update([&](FileIds& ids) { ids.share = share; });
    return StepResult::Progress();
  }
  const bool waited = d_.clock->MonotonicMs() - started_ms_ >= kListenMs;
  if (!share && !asked && waited && d_.shared->rows().joined()) {
    if (Status drawn = d_.replica->DrawIdShare(); !drawn.ok()) return Busy(drawn.error());
    d_.shared->file_ids().Update([&](FileIds& ids) { ids.share = share; });
    return StepResult::Progress();
  }
  if (ids_seen_ == data_version_) return StepResult::Idle();
  auto left = d_.replica->RefillIds();
  if (!left.ok()) return Busy(left.error());
  ids_seen_ = data_version_;
  if (*left > 0) d_.shared->file_ids().Update([&](FileIds& ids) { ids.left_blocks += *left; });
  return StepResult::Idle();
}

void Consumer::ShareStanding() {
  const ledger::State& state = d_.replica->state();
  d_.shared->rows().SetStanding({state.joined, state.compared, state.catching_up});
}

StepResult Consumer::EndCatchUp() {
  if (!d_.shared->rows().catching_up() || reader_ == nullptr) return StepResult::Idle();
  const auto reach = d_.shared->rows().reach();
  if (!reach) return StepResult::Idle();
  if (!catch_up_.knows_log_end()) {
    const auto log = d_.log->State();
    if (!log.ok()) return StepResult::Idle();
    catch_up_.SetLogEnd(log->last);
  }
  const change::Knowledge knowledge(d_.replica->progress(), *d_.replica->retirements(),
                                    d_.replica->state().self, Lseq(INT64_MAX));
  CatchUp::Standing standing{
      &d_.replica->progress(), &knowledge, next_, caught_up_, {}, d_.replica->schema_fingerprint(),
      d_.clock->MonotonicMs()};
  for (const WaitingBatch& batch : held_.batches())
    standing.held = batch.hold ? batch.hold->reason : "they are being applied";
  if (!skipped_.empty()) standing.held = "there is no room for more of them";
  const CatchUp::Verdict verdict = catch_up_.Look(*reach, standing);
  if (verdict == CatchUp::Verdict::kNotYet) {
    d_.shared->rows().SetJoinProblem("it is catching up with the cluster: " + catch_up_.why());
    return StepResult::Idle();
  }
  if (Status took = d_.replica->TakePart(); !took.ok()) return Busy(took.error());
  if (verdict == CatchUp::Verdict::kGivesUp)
    d_.logger->Warning(
        "this node takes part although it does not have everything that the cluster had ({}): what "
        "its application writes from now on may replace what still comes",
        catch_up_.why());
  else
    d_.logger->Info("caught up with the cluster");
  ShareStanding();
  return StepResult::Progress();
}

StepResult Consumer::ForgetTombstones(int64_t limit) {
  const int64_t now = d_.clock->MonotonicMs();
  if (now - collected_ms_ < kCollectMs) return StepResult::Idle();
  collected_ms_ = now;
  const MembershipReport membership = d_.shared->membership();
  if (Status saved = d_.replica->RememberMembers(membership.members); !saved.ok())
    return Busy(saved.error());
  if (now >= counted_ms_) {
    auto count = d_.replica->CountTombstones();
    if (!count.ok()) return Busy(count.error());
    counted_ms_ = now + kCountTombstonesMs;
    tombstones_ = *count;
    Share();
  }
  if (!caught_up_) {
    collected_ms_ = now - kCollectMs;  // the end of the log may be found in the next step
    return StepResult::Idle();
  }
  if (!d_.options->collect_tombstones || !membership.stable || dropped_ || !skipped_.empty() ||
      !held_.batches().empty())
    return StepResult::Idle();
  if (Status retired = d_.replica->RetireOrigins(membership.members, *membership.stable);
      !retired.ok())
    return Busy(retired.error());
  auto gone = d_.replica->Collect(*membership.stable, limit);
  if (!gone.ok()) return Busy(gone.error());
  if (*gone == 0) return StepResult::Idle();
  forgotten_ += *gone;
  tombstones_ = std::max<int64_t>(tombstones_ - *gone, 0);
  Share();
  if (*gone < limit) return StepResult::Idle();
  collected_ms_ = now - kCollectMs;  // there may be more tombstones to forget: look again at once
  return StepResult::Progress();
}

}  // namespace harmonylite::node
