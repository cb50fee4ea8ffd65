#include "node/replication/consumer.h"

#include <algorithm>

#include "base/mutant.h"

namespace harmonylite::node {

namespace {

using ports::LogRecord;
using ports::LogSeq;

// Held batches are judged again this often even if nothing seems to have changed.
constexpr int64_t kJudgeAgainMs = 500;
// An application that committed within this time will want the write lock again.
constexpr int64_t kLocalWritersMs = 1'000;
// Batches of rows that were sent again and wait; further ones are dropped, and asked for again.
constexpr size_t kMaxResends = 64;

// True if the batch's sender has seen changes under our origin that this file never sent: another
// process goes on as us, with a copy of this file.
bool KnowsMore(const change::BatchHeader& header, const Origin& self, Lseq sent) {
  return header.seen.Get(self) > sent ||
         std::any_of(header.covers.begin(), header.covers.end(), [&](const change::Cover& cover) {
           return cover.origin == self && cover.to > sent;
         });
}

// True if the batch sends rows again that are damaged on some node. Such a batch covers no range,
// because it brings no changes.
bool IsResend(const change::BatchHeader& header) {
  return std::all_of(header.covers.begin(), header.covers.end(),
                     [](const change::Cover& cover) { return cover.from == cover.to; });
}

// True if a record can never be taken: its own bytes prove that it is damaged, or it has a format
// that only a later version reads. Any other error is this node's, and may pass.
bool IsDamage(const Error& error) {
  return error.code() == ErrorCode::kCorruption || error.code() == ErrorCode::kInvalidArgument;
}

// True if decoding the batch fails. Reads all of it.
bool IsDamaged(const ArrivedBatch& batch) {
  auto decoder = change::BatchDecoder::Begin(&batch.bytes);
  if (!decoder.ok()) return decoder.error().code() == ErrorCode::kCorruption;
  while (true) {
    const auto item = decoder->Next();
    if (!item.ok()) return item.error().code() == ErrorCode::kCorruption;
    if (std::holds_alternative<change::BatchDecoder::End>(*item)) return false;
  }
}

// True if an error of applying a batch is caused by that batch, and not by this node's disk or by a
// damaged database. kCorruption may come from either, so the batch's bytes decide.
bool IsOfBatch(const Error& error, const ArrivedBatch& batch) {
  if (error.code() == ErrorCode::kRetryLater) return false;
  return error.code() != ErrorCode::kCorruption || IsDamaged(batch);
}

}  // namespace

Consumer::Consumer(const Dependencies& dependencies)
    : d_(dependencies),
      random_(dependencies.seed),
      next_(std::max<uint64_t>(dependencies.replica->state().cursor, 1)),
      log_created_(dependencies.replica->state().log_created),
      assembler_(dependencies.options->spool_directory, dependencies.options->spool_memory) {
  started_ms_ = quiet_since_ms_ = maintained_ms_ = d_.clock->MonotonicMs();
  Share();
}

StepResult Consumer::Step(std::chrono::milliseconds wait) {
  const Published published = d_.shared->published();
  d_.replica->SetPublished(published.to, published.stamp);
  auto version = d_.replica->DataVersion();
  if (!version.ok()) return Busy(version.error());
  const bool others_wrote = *version != data_version_;
  if (others_wrote) quiet_since_ms_ = d_.clock->MonotonicMs();
  if (others_wrote && data_version_ != kNeverLooked) local_write_ms_ = quiet_since_ms_;
  data_version_ = *version;
  if (failed_at_commit_ && *failed_at_commit_ != d_.replica->commits()) {
    d_.shared->SetDatabaseError({});
    failed_at_commit_.reset();
    said_.clear();
  }

  rests_ = rest_ && *rest_ == Now() && d_.clock->MonotonicMs() < rest_until_ms_;

  bool done = false;
  StepResult result = WriteSchemaOrIncarnation(&done);
  if (done) return result;
  if (StepResult ordered = CarryOutOrders(); ordered.kind != StepResult::kIdle) return ordered;
  if (StepResult shared = ShareIds(); shared.kind != StepResult::kIdle) return shared;

  if (StepResult ended = EndCatchUp(); ended.kind != StepResult::kIdle) return ended;

  if (Applies()) {
    // Judge() counts our own changes as applied, which is wrong for an older copy of the database:
    // it would show the effects of changes that it lacks (P6). So nothing is applied until the
    // publisher has compared this file with the log.
    const bool known =
        !d_.options->publish || d_.shared->identified() || HL_MUTANT(applies_unidentified);
    if (known && snapshot_ == nullptr) snapshot_ = d_.shared->TakeSnapshot();
    if (snapshot_ != nullptr) return Merge(snapshot_.get());
    result =
        known ? ApplyReady() : StepResult::Blocked("the log has not told yet what we published");
    if (result.kind == StepResult::kProgress) return result;
    // The database cannot be written and the queue fills up: reading on would only overfill it.
    if (result.kind == StepResult::kBlocked && held_.crowded()) return result;
    const StepResult maintained = Maintain();
    if (maintained.kind == StepResult::kProgress) wait = std::chrono::milliseconds(0);
    const StepResult read = ReadLog(
        result.kind == StepResult::kBlocked ? std::min(wait, std::chrono::milliseconds(5)) : wait);
    if (read.kind == StepResult::kProgress || maintained.kind == StepResult::kProgress)
      return StepResult::Progress();
    return read.kind == StepResult::kBlocked ? read : result;
  }
  StepResult maintained = Maintain();
  if (maintained.kind == StepResult::kIdle && !d_.shared->rows().joined())
    return StepResult::Blocked("a first join");
  return maintained;
}

bool Consumer::Applies() const {
  return d_.options->replicate && (d_.shared->rows().joined() || d_.shared->rows().catching_up());
}

bool Consumer::ReadAhead() {
  if (!Applies() || snapshot_ != nullptr || reader_ == nullptr ||
      d_.shared->incarnation_requested() || held_.crowded())
    return false;
  const auto took = TakeRecords(std::chrono::milliseconds(0));
  if (!took.ok()) LoseReader(took.error());
  return took.ok() && *took;
}

Consumer::Moment Consumer::Now() const {
  return {data_version_, d_.replica->commits(), d_.shared->published().to};
}

bool Consumer::local_writers() const {
  return local_write_ms_ && d_.clock->MonotonicMs() - *local_write_ms_ < kLocalWritersMs;
}

StepResult Consumer::Busy(const Error& error) {
  if (error.message() != said_) {
    said_ = error.message();
    if (!error.passing()) {
      d_.shared->SetDatabaseError(said_);
      failed_at_commit_ = d_.replica->commits();
    }
    const LogLevel level = error.passing() ? LogLevel::kDebug : LogLevel::kWarning;
    d_.logger->Write(level, fmt::format("the database cannot be written at the moment ({}): trying "
                                        "again; nothing is lost",
                                        said_));
  }
  return StepResult::Blocked(error.message());
}

StepResult Consumer::WriteSchemaOrIncarnation(bool* done) {
  *done = true;
  // The schema comes first, because starting an incarnation folds the journal, and folding must
  // know the tables as they are now.
  auto changed = rests_ ? Result<bool>(false) : d_.replica->SchemaChanged();
  if (!changed.ok()) return Busy(changed.error());
  if (*changed) return SyncSchema();
  if (const auto request = d_.shared->incarnation_request()) {
    const auto next = d_.replica->DrawIncarnation(random_());
    if (!next.ok()) return Busy(next.error());
    if (Status started = d_.replica->StartIncarnation(*next, *request); !started.ok())
      return Busy(started.error());
    next_ = request->read_log_again ? LogSeq(1) : Cursor();
    reader_.reset();
    assembler_.Clear();
    held_.Clear();
    skipped_.clear();
    caught_up_ = false;
    const ledger::State& state = d_.replica->state();
    // The keeper must not take the former incarnation's share for one that this one has claimed.
    d_.shared->file_ids().Update([&](FileIds& ids) { ids.share = state.ids; });
    d_.shared->SetSelf(state.self, state.incarnation_base,
                       {state.published_to, state.published_stamp},
                       /*is_new=*/true);
    d_.logger->Info("started incarnation {}", ToString(d_.replica->state().self));
    Share();
    return StepResult::Progress();
  }
  *done = false;
  return StepResult::Idle();
}

StepResult Consumer::SyncSchema() {
  if (Status synced = d_.replica->SyncSchema(); !synced.ok()) {
    if (synced.error().code() != ErrorCode::kRetryLater && synced.error().message() != said_) {
      said_ = synced.error().message();
      d_.logger->Error(
          "cannot take over a schema change: {}; nothing is applied until it can be, local changes "
          "are kept",
          said_);
    }
    return StepResult::Blocked(synced.error().message());
  }
  judge_again_ = true;
  for (WaitingBatch& batch : held_.batches()) batch.not_before_ms = 0;
  Share();
  return StepResult::Progress();
}

// --- Reading ---

Status Consumer::Take(const LogRecord& record) {
  const LogSeq after(record.seq.value + 1);
  // Records of our own origin bring nothing new. Those of a former incarnation of this node belong
  // to another origin, and are taken like any node's.
  if (record.subject == d_.replica->state().self) {
    next_ = after;
    return Ok();
  }
  const LogSeq first = assembler_.first_open(record.subject).value_or(record.seq);
  auto arrived = assembler_.Add(record);
  auto header = [&]() -> Result<change::BatchHeader> {
    if (!arrived.ok()) return std::move(arrived).error();
    if (!arrived->has_value()) return change::BatchHeader{};
    HL_ASSIGN(const auto decoder, change::BatchDecoder::Begin(&(*arrived)->bytes));
    if (decoder.header().sender != record.subject)
      return MakeError(ErrorCode::kCorruption, "the batch names another sender than its subject");
    return decoder.header();
  }();
  if (!header.ok() && !IsDamage(header.error()) && !HL_MUTANT(local_error_is_damage)) {
    // If the assembler still has the earlier slices, only this record is read again; otherwise the
    // whole batch is.
    next_ = assembler_.first_open(record.subject) ? record.seq : first;
    return std::move(header).error();
  }
  next_ = after;
  if (!header.ok()) {
    dropped_ = true;
    d_.logger->Error(
        "record {} of node {} is not applied: {}; its rows are fetched from a node "
        "that has them",
        record.seq.value, ToString(record.subject), header.error().message());
    Share();
    return Ok();
  }
  if (!arrived->has_value()) return Ok();
  if (IsResend(*header)) {
    if (resends_.size() < kMaxResends)
      resends_.push_back({std::move(**arrived), std::move(*header), std::nullopt, 0});
    return Ok();
  }
  // If the batch shows that this file is a copy, the batch must not be applied under the present
  // incarnation: Judge() would count changes of ours that the file lacks as applied, and the batch
  // would show their effects. The request is carried out before anything is applied, and clears the
  // queue. Resends, handled above, need no such check: they only restore rows under versions that
  // are here already.
  if (d_.options->publish && KnowsMore(*header, d_.replica->state().self, d_.shared->sending())) {
    d_.logger->Warning(
        "node {} has changes of this node that this database does not have: it is a copy or was "
        "restored from a backup; it goes on as a new incarnation",
        ToString(header->sender));
    d_.shared->RequestIncarnation({.read_log_again = true, .numbers_shared = true});
  }
  const LogSeq begin = (*arrived)->first;
  const Origin sender = header->sender;
  const bool ready = held_.Waits(sender) && JudgeNow(*header).verdict == Verdict::kReady;
  if (held_.Push({std::move(**arrived), std::move(*header), std::nullopt, 0}, ready)) return Ok();
  const auto [from, is_new] = skipped_.try_emplace(sender, begin);
  from->second = std::min(from->second, begin);
  if (is_new) Share();
  return Ok();
}

Judgement Consumer::JudgeNow(const change::BatchHeader& header) const {
  return Judge(header, d_.replica->progress(), d_.replica->state().self, d_.clock->WallMs(),
               d_.options->max_clock_skew_ms, d_.replica->collected(), *d_.replica->retirements());
}

// --- Applying ---

std::vector<WaitingBatch*> Consumer::Choose() {
  const int64_t wall = d_.clock->WallMs();
  const int64_t now = d_.clock->MonotonicMs();
  const Origin self = d_.replica->state().self;
  change::ProgressVector progress = d_.replica->progress();
  const auto judge = [&](const WaitingBatch& batch) {
    return Judge(batch.header, progress, self, wall, d_.options->max_clock_skew_ms,
                 d_.replica->collected(), *d_.replica->retirements());
  };
  auto& batches = held_.batches();
  std::erase_if(batches,
                [&](const WaitingBatch& batch) { return judge(batch).verdict == Verdict::kHad; });
  std::vector<WaitingBatch*> chosen;
  const uint64_t budget = local_writers() ? kApplyBudgetBytesBesideWriters : kApplyBudgetBytes;
  uint64_t bytes = 0;
  // One pass suffices for batches that arrived in causal order, as nearly all do. A batch that
  // arrived before its causes is chosen in a later step.
  for (WaitingBatch& batch : batches) {
    if (batch.not_before_ms > now) continue;
    const Judgement judgement = judge(batch);
    if (judgement.verdict == Verdict::kHad) continue;
    if (judgement.verdict == Verdict::kWaits) {
      batch.hold = Hold{batch.header.sender, judgement.kind, judgement.reason};
      continue;
    }
    if (!chosen.empty() && bytes + batch.arrived.bytes.size() > budget) break;
    bytes += batch.arrived.bytes.size();
    chosen.push_back(&batch);
    for (const change::Cover& cover : batch.header.covers)
      if (cover.origin != self) progress.Advance(cover.origin, cover.to);
  }
  return chosen;
}

StepResult Consumer::ApplyReady() {
  if (held_.batches().empty()) return StepResult::Idle();
  const int64_t now = d_.clock->MonotonicMs();
  const bool fresh = std::any_of(held_.batches().begin(), held_.batches().end(),
                                 [](const WaitingBatch& batch) { return !batch.hold; });
  if (!fresh && !judge_again_ && now - judged_ms_ < kJudgeAgainMs) return StepResult::Idle();
  judged_ms_ = now;
  judge_again_ = false;
  const std::vector<WaitingBatch*> chosen = Choose();
  if (chosen.empty()) {
    Share();
    return StepResult::Idle();
  }
  auto needs_fold = d_.replica->NeedsFold();
  if (!needs_fold.ok()) return Busy(needs_fold.error());
  if (*needs_fold) {
    judge_again_ = true;
    auto folded = d_.replica->Maintain(sqlite::TransactionKind::kWrite, kFoldChunk, kTrimChunk);
    return folded.ok() ? StepResult::Progress() : Busy(folded.error());
  }
  size_t failed = 0;
  if (Status applied = d_.replica->Apply(chosen, Cursor(), &failed); !applied.ok()) {
    judge_again_ = true;
    // An error that the batch did not cause, such as a full disk, leaves all batches in the queue.
    if (failed >= chosen.size() || !IsOfBatch(applied.error(), chosen[failed]->arrived))
      return Busy(applied.error());
    Refuse(chosen[failed], applied.error());
    return StepResult::Progress();
  }
  Forget(chosen);
  judge_again_ = true;
  dropped_ = dropped_ && !caught_up_;
  Share();
  return StepResult::Progress();
}

void Consumer::Refuse(WaitingBatch* batch, const Error& error) {
  const Origin sender = batch->header.sender;
  if (error.code() == ErrorCode::kCorruption) {
    d_.logger->Error(
        "a batch of node {} is damaged and not applied: {}; its rows are fetched from a "
        "node that has them",
        ToString(sender), error.message());
    Forget({batch});
    dropped_ = true;
    return Share();
  }
  const HoldKind kind =
      error.code() == ErrorCode::kSchemaMismatch ? HoldKind::kSchema : HoldKind::kRefused;
  batch->hold = Hold{sender, kind, error.message()};
  batch->not_before_ms = d_.clock->MonotonicMs() + kJudgeAgainMs;
  Share();
}

void Consumer::Forget(const std::vector<WaitingBatch*>& batches) {
  std::erase_if(held_.batches(), [&](const WaitingBatch& batch) {
    return std::find(batches.begin(), batches.end(), &batch) != batches.end();
  });
}

LogSeq Consumer::Cursor() const {
  LogSeq cursor = next_;
  if (const auto open = assembler_.oldest_open()) cursor = std::min(cursor, *open);
  if (const auto held = held_.oldest()) cursor = std::min(cursor, *held);
  for (const auto& [sender, from] : skipped_) cursor = std::min(cursor, from);
  return cursor;
}

StepResult Consumer::CarryOutOrders() {
  if (!orders_) orders_ = d_.shared->rows().TakeOrders();
  if (orders_) {
    auto rows = d_.replica->CarryOut(*orders_);
    if (!rows.ok() && rows.error().code() == ErrorCode::kRetryLater) return Busy(rows.error());
    orders_.reset();
    ShareStanding();
    d_.shared->rows().Finish(std::move(rows));
    return StepResult::Progress();
  }
  if (resends_.empty()) return StepResult::Idle();
  auto rows = d_.replica->Reapply(&resends_.front());
  if (!rows.ok() && rows.error().code() == ErrorCode::kRetryLater) return Busy(rows.error());
  if (!rows.ok())
    d_.logger->Warning("rows that were sent again are not taken: {}", rows.error().message());
  else if (*rows > 0)
    d_.logger->Warning(
        "{} damaged rows were replaced with node {}'s version; the previous content is kept, see "
        "'harmonylite conflicts'",
        *rows, resends_.front().header.sender.node.value);
  resends_.pop_front();
  return StepResult::Progress();
}

void Consumer::Share() {
  AppliedState applied{d_.replica->progress(),
                       caught_up_,
                       dropped_,
                       d_.replica->schema_fingerprint(),
                       d_.replica->definitions(),
                       held_.Reasons(),
                       d_.replica->totals(),
                       ledger::CountTables(d_.replica->catalog()),
                       d_.replica->orphans(),
                       d_.replica->null_keys(),
                       d_.replica->lost_children(),
                       d_.replica->journaled(),
                       d_.replica->collected(),
                       tombstones_,
                       forgotten_,
                       stalled_,
                       d_.replica->retirements(),
                       d_.replica->state().self,
                       d_.replica->left_out()};
  if (applied.holds != holds_said_) {
    for (const Hold& hold : applied.holds)
      if (std::find(holds_said_.begin(), holds_said_.end(), hold) == holds_said_.end() &&
          hold.kind != HoldKind::kMissing)
        d_.logger->Warning("changes of node {} wait: {}", ToString(hold.origin), hold.reason);
    if (applied.holds.empty()) d_.logger->Info("no changes of other nodes wait any more");
    holds_said_ = applied.holds;
  }
  d_.shared->SetApplied(std::move(applied));
}

}  // namespace harmonylite::node
