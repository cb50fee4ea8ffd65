#include "node/replication/replica.h"

#include <algorithm>
#include <cstdlib>

#include "base/free_memory.h"
#include "base/mutant.h"
#include "capture/catalog_sync.h"
#include "capture/journal.h"
#include "ledger/conflict_log.h"
#include "ledger/retirement_table.h"
#include "ledger/schema_table.h"
#include "ledger/tombstones.h"
#include "sqlite/transaction.h"

namespace harmonylite::node {

namespace {

using change::BatchDecoder;
using ledger::Catalog;
using ledger::Installed;
using ledger::State;
using sqlite::Transaction;
using sqlite::TransactionKind;

// Most journal entries that are folded inside a transaction of Apply(). If there are more, they are
// folded before it, in transactions of their own, so that no transaction holds the lock for long.
constexpr int64_t kFoldInApply = 4'096;
constexpr int64_t kNoLimit = INT64_MAX / 2;

}  // namespace

Replica::Replica(sqlite::Connection* db, const NodeOptions& options, const Clock* clock,
                 Logger* logger)
    : db_(db),
      options_(options),
      clock_(clock),
      logger_(logger),
      applier_(db),
      first_attach_(db, options, clock) {}

Status Replica::Attach(std::optional<NodeId> node, const Origin& fresh) {
  HL_ASSIGN(const Installed installed, ledger::Inspect(db_));
  if (installed == Installed::kLegacy)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} has the tables and triggers of HarmonyLite 1.x: stop that version, run "
                     "'harmonylite -config … -cleanup' once, and start again",
                     options_.db_path);
  HL_ASSIGN(const std::string mode, UseWal());
  const Origin self{node.value_or(fresh.node), fresh.incarnation};
  self_is_new_ = self_is_new_ || installed == Installed::kNo;
  HL_TRY(first_attach_.Run(self, mode));
  // Rows that other nodes accepted are not judged again by this node's CHECKs.
  HL_TRY(db_->Exec("PRAGMA ignore_check_constraints = ON"));
  HL_ASSIGN(state_, ledger::LoadState(db_));
  if (state_.self == ledger::kNobody) HL_TRY(AdoptSnapshot(self));
  if (node && *node != state_.self.node)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} belongs to node {}, but node_id is {}: set node_id = {}, or detach it "
                     "with -cleanup first",
                     options_.db_path, state_.self.node.value, node->value, state_.self.node.value);
  saved_state_ = state_;
  if (!options_.share_ids || !options_.publish ||
      (state_.ids && state_.ids->layout != options_.id_layout))
    state_.ids.reset();
  attached_at_ = state_.published_to;
  HL_ASSIGN(origins_, ledger::OriginTable::Load(db_));
  HL_ASSIGN(progress_, ledger::LoadProgress(db_, origins_));
  HL_TRY(SyncSchema());
  HL_ASSIGN(collected_, ledger::LoadCollected(db_, origins_));
  HL_ASSIGN(members_, ledger::LoadMembers(db_));
  HL_TRY(LoadRetirements());
  HL_ASSIGN(journaled_, NewestOwn(state_));
  return Ok();
}

Status Replica::LoadRetirements() {
  HL_ASSIGN(change::Retirements known, ledger::LoadRetirements(db_, origins_));
  retirements_ = std::make_shared<const change::Retirements>(std::move(known));
  return Ok();
}

// This node's newest own change in the present transaction; 0 if it has none under its present
// incarnation, or never sends any. Heartbeats report it together with progress(): a change that is
// journaled later is stamped above everything that the progress covers, because applying raises the
// clock. Membership relies on that.
Result<Lseq> Replica::NewestOwn(const State& state) {
  if (!options_.publish) return Lseq(0);
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db_));
  // If all our changes have been trimmed, the newest one is the one that was published last.
  const Lseq own = std::max(end.last_change, state.published_to);
  return own > state.incarnation_base ? own : Lseq(0);
}

// Switches the database to WAL, which lets readers and one writer work side by side. With a
// rollback journal our reading would make the application wait (P8).
Result<std::string> Replica::UseWal() {
  HL_ASSIGN(const std::string mode, db_->QueryText("PRAGMA journal_mode"));
  if (mode == "wal") return mode;
  HL_ASSIGN(const std::string now, db_->QueryText("PRAGMA journal_mode = WAL"));
  if (now != "wal")
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} cannot be switched to WAL (its journal mode stays '{}'): it must be an "
                     "ordinary file on a local disk",
                     options_.db_path, now);
  logger_->Info("journal mode of {} changed from {} to wal; -cleanup changes it back",
                options_.db_path, mode);
  return mode;
}

// Makes a restored snapshot, which belongs to no node, this node's file. A crash before the commit
// leaves it a restored snapshot, which the next start adopts.
Status Replica::AdoptSnapshot(const Origin& self) {
  HL_ASSIGN(auto transaction, Transaction::Begin(db_, TransactionKind::kUpkeep));
  State next = state_;
  HL_TRY(ledger::Adopt(db_, &next, self));
  const State adopted = next;
  next.ids = DrawnIdShare(self);
  HL_TRY(ledger::SaveState(db_, next, adopted));
  HL_TRY(transaction.Commit());
  state_ = next;
  self_is_new_ = true;
  logger_->Info("{} is a restored snapshot: it is node {}'s from now on", options_.db_path,
                self.node.value);
  return Ok();
}

Result<Transaction> Replica::BeginOnAnySchema(TransactionKind kind) {
  applier_.written()->clear();
  return Transaction::Begin(db_, kind);
}

Result<Transaction> Replica::Begin(TransactionKind kind) {
  HL_ASSIGN(auto transaction, BeginOnAnySchema(kind));
  HL_ASSIGN(const bool changed, SchemaChanged());
  if (changed) return SchemaJustChanged();
  return transaction;
}

Result<bool> Replica::SchemaChanged() {
  HL_ASSIGN(const schema::HeaderNumbers numbers, schema::ReadHeaderNumbers(db_));
  return numbers.version != catalog_.schema_version || numbers != seen_numbers_;
}

Status Replica::Settle() {
  apply::ShadowStats stats;
  apply::OrphanStats orphans;
  HL_TRY(applier_.Settle(origins_, &stats, &orphans));
  if (orphans.hidden + orphans.shown > 0)
    logger_->Debug("parents came or went: {} rows shown, {} hidden", orphans.shown, orphans.hidden);
  if (stats.hidden + stats.shown > 0)
    logger_->Debug("unique values changed hands: {} rows shown, {} shadowed", stats.shown,
                   stats.hidden);
  return Ok();
}

Status Replica::FoldAll(const Catalog& catalog, State* state) {
  while (true) {
    HL_ASSIGN(const bool done, Fold(catalog, state, kNoLimit));
    if (done) return Ok();
  }
}

// Saves the state with what the transaction wrote, and takes it over only if the commit succeeds
// (P3).
Status Replica::Commit(Transaction* transaction, const State& next) {
  HL_TRY(ledger::SaveState(db_, next, saved_state_));
  HL_TRY(transaction->Commit());
  ++commits_;
  state_ = saved_state_ = next;
  TellWritten();
  return Ok();
}

// The journal is folded first: only then does every local write have a version that incoming ones
// can be compared with. Rows, versions, progress and the cursor are committed together (P3). The
// copies of this class's members are taken over only after the commit.
Status Replica::ApplyAll(const std::vector<WaitingBatch*>& batches, ports::LogSeq cursor,
                         size_t* failed) {
  *failed = batches.size();
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
  State next = state_;
  next.cursor = cursor.value;
  if (!HL_MUTANT(fold_after_compare)) HL_TRY(FoldAll(catalog_, &next));
  ledger::OriginTable origins = origins_;
  change::ProgressVector progress = progress_;
  AppliedTotals totals = totals_;
  std::shared_ptr<change::Retirements> retirements;  // null: no batch brings any
  for (size_t i = 0; i < batches.size(); ++i) {
    Status applied = TakeRetirements(batches[i]->header.retirements, &origins, &retirements);
    if (applied.ok())
      applied = ApplyOne(batches[i], &next, retirements ? *retirements : *retirements_, &origins,
                         &progress, &totals);
    if (applied.ok()) continue;
    if (HL_MUTANT(progress_survives_rollback)) progress_ = progress;
    *failed = i;
    return applied;
  }
  HL_TRY(TrimConflicts());
  HL_ASSIGN(const Lseq journaled, NewestOwn(next));
  handled_ += totals.rows - totals_.rows + next.folded_to.value - state_.folded_to.value;
  HL_TRY(Commit(&transaction, next));
  origins_ = std::move(origins);
  progress_ = std::move(progress);
  journaled_ = journaled;
  totals_ = totals;
  if (retirements) retirements_ = std::move(retirements);
  return Ok();
}

Status Replica::Apply(const std::vector<WaitingBatch*>& batches, ports::LogSeq cursor,
                      size_t* failed) {
  return EndFollowing(ApplyAll(batches, cursor, failed));
}

// Saves the retirements of a batch, and adds them to a copy of those that are known.
Status Replica::TakeRetirements(const std::vector<change::Retirement>& brought,
                                ledger::OriginTable* origins,
                                std::shared_ptr<change::Retirements>* known) {
  for (const change::Retirement& one : brought) {
    if (!*known) *known = std::make_shared<change::Retirements>(*retirements_);
    (*known)->Add(one);
    HL_TRY(ledger::SaveRetirement(db_, origins, one));
  }
  return Ok();
}

// Applies one batch in the caller's transaction, and adds to the caller's copies of progress and
// totals.
Status Replica::ApplyOne(WaitingBatch* batch, State* state, const change::Retirements& retirements,
                         ledger::OriginTable* origins, change::ProgressVector* progress,
                         AppliedTotals* totals) {
  HL_ASSIGN(BatchDecoder decoder, BatchDecoder::Begin(&batch->arrived.bytes));
  apply::ApplyOptions options;
  options.follows = options_.schema.follow;
  options.follow = [&](const apply::SchemaMerge& merge) { return FollowSchema(merge, state); };
  HL_ASSIGN(const apply::ApplyStats stats,
            applier_.Apply(&decoder, *state, *progress, retirements, origins, options));
  HL_TRY(MoveIds(stats.used_ids, *state));
  for (const change::Cover& cover : batch->header.covers)
    if (cover.origin != state->self) progress->Advance(cover.origin, cover.to);
  if (stats.kept > 0) trim_conflicts_ms_ = 0;
  ++totals->batches;
  totals->rows += stats.rows;
  totals->conflicts += stats.conflicts;
  totals->last_wall_ms = clock_->WallMs();
  logger_->Debug("applied a batch of {}: {} rows, {} written, {} concurrent",
                 ToString(batch->header.sender), stats.rows, stats.won, stats.conflicts);
  return Ok();
}

Status Replica::TrimConflicts() {
  const int64_t now = clock_->MonotonicMs();
  if (now < trim_conflicts_ms_) return Ok();
  trim_conflicts_ms_ = now + kTrimConflictsMs;
  return ledger::TrimConflicts(db_, options_.conflicts_max_rows, options_.conflicts_max_age_ms);
}

Result<bool> Replica::NeedsFold() {
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db_));
  last_change_ = std::max(last_change_, end.last_change);
  return end.last.value - state_.folded_to.value > kFoldInApply;
}

Result<bool> Replica::Maintain(TransactionKind kind, int64_t fold_limit, int64_t trim_limit) {
  // Looking takes no lock, and mostly there is nothing to do. An entry can be trimmed once it is
  // folded and published, but the newest entry of the journal stays: it is the clock.
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db_));
  HL_ASSIGN(const Lseq first, capture::FirstEntry(db_));
  last_change_ = std::max(last_change_, end.last_change);
  const bool folded = state_.folded_to >= end.last;
  const int64_t done = std::min(
      {end.last.value - 1, state_.published_to.value, folded ? INT64_MAX : state_.folded_to.value});
  if (folded && first.value > done) {
    ReturnMemoryOfMuchWork();
    return true;
  }
  HL_ASSIGN(auto transaction, Begin(kind));
  State next = state_;
  HL_ASSIGN(const bool all_folded, Fold(catalog_, &next, fold_limit));
  if (all_folded && !HL_MUTANT(fold_without_settle)) HL_TRY(Settle());
  HL_TRY(TrimConflicts());
  HL_ASSIGN(const bool all_trimmed, capture::Trim(db_, next, trim_limit));
  handled_ += next.folded_to.value - state_.folded_to.value;
  HL_TRY(Commit(&transaction, next));
  if (all_folded) ReturnMemoryOfMuchWork();
  return all_folded && all_trimmed;
}

void Replica::ReturnMemoryOfMuchWork() {
  if (handled_ < kRowsWorthReturning) return;
  handled_ = 0;
  ReturnFreeMemory();
}

Status Replica::Introduce(SharedState* shared) {
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db_));
  shared->SetSelf(state_.self, state_.incarnation_base,
                  {state_.published_to, state_.published_stamp}, self_is_new_);
  shared->rows().SetStanding({state_.joined, state_.compared, state_.catching_up});
  if (!state_.joined)
    shared->rows().SetJoinProblem(state_.catching_up
                                      ? "it is catching up with the cluster"
                                      : "its rows are being compared with the cluster's");
  shared->file_ids().Update([&](FileIds& ids) { ids.share = state_.ids; });
  shared->SetMembership({members_, std::nullopt});
  shared->SetSending(std::max(end.last_change, state_.published_to));
  // Health and metrics may be asked for before the consumer has taken its first step.
  AppliedState applied;
  applied.progress = progress_;
  applied.schema_fingerprint = schema_fingerprint_;
  applied.definitions = definitions_;
  applied.tables = ledger::CountTables(catalog_);
  applied.collected = collected_;
  applied.journaled = journaled_;
  applied.retirements = retirements_;
  applied.self = state_.self;
  applied.left_out = left_out_;
  shared->SetApplied(std::move(applied));
  return Ok();
}

Result<int64_t> Replica::JournalLength() {
  HL_ASSIGN(const Lseq first, capture::FirstEntry(db_));
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db_));
  return end.last.value - first.value + 1;
}

Result<int64_t> Replica::Collect(const change::ProgressVector& stable, int64_t limit) {
  // A delete that the log does not hold yet, or that is not applied here, is never forgotten,
  // whatever `stable` says.
  change::ProgressVector may_go;
  for (const auto& [origin, lseq] : stable.map())
    may_go.Advance(origin, std::min(lseq, origin == state_.self ? saved_state_.published_to
                                                                : progress_.Get(origin)));
  HL_ASSIGN(const bool any, ledger::AnyCollectable(db_, catalog_, origins_, may_go));
  if (!any) return 0;
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kUpkeep));
  change::ProgressVector collected = collected_;
  HL_ASSIGN(const int64_t gone,
            ledger::CollectTombstones(db_, catalog_, origins_, may_go, limit, &collected));
  HL_TRY(Commit(&transaction, state_));
  collected_ = std::move(collected);
  return gone;
}

Result<int64_t> Replica::CountTombstones() { return ledger::CountTombstones(db_, catalog_); }

// Members are heard every two seconds, so the file is written only if a member is new, was evicted
// or came back, or was heard later than the file says by a good part of the eviction horizon.
Status Replica::RememberMembers(const ledger::Members& members) {
  ledger::Members changed;
  for (const auto& [node, member] : members) {
    const auto saved = members_.find(node);
    if (saved != members_.end() && saved->second.evicted == member.evicted &&
        std::abs(member.heard_ms - saved->second.heard_ms) <
            options_.eviction_horizon_ms / kHeardWritesInHorizon)
      continue;
    changed[node] = member;
  }
  if (changed.empty()) return Ok();
  HL_ASSIGN(auto transaction, BeginOnAnySchema(TransactionKind::kUpkeep));
  for (const auto& [node, member] : changed) HL_TRY(ledger::SaveMember(db_, node, member));
  HL_TRY(Commit(&transaction, state_));
  for (const auto& [node, member] : changed) members_[node] = member;
  return Ok();
}

void Replica::SetPublished(Lseq to, Hlc stamp) {
  if (to <= state_.published_to) return;
  state_.published_to = to;
  state_.published_stamp = stamp;
}

void Replica::SetCursor(ports::LogSeq cursor, int64_t log_created) {
  state_.cursor = cursor.value;
  state_.log_created = log_created;
}

// Everything is folded first, under the former incarnation. Changes up to the base stay the former
// incarnation's; later ones become the new one's, and are sent again. Usually the base is what was
// published. If other nodes may know other changes under numbers that this process has sent
// (`numbers_shared`), all that this process sent is sent again, so the base is where it began.
Status Replica::StartIncarnation(Incarnation incarnation, const IncarnationRequest& request) {
  HL_ASSIGN(auto transaction, Begin(TransactionKind::kWrite));
  State next = state_;
  HL_TRY(FoldAll(catalog_, &next));
  HL_TRY(Settle());
  HL_TRY(ledger::SaveState(db_, next, saved_state_));
  // What every member had when tombstones were forgotten is not sent again: the tombstones could
  // not be, and this file would lack, of the former incarnation, what it has forgotten.
  const Lseq base = request.numbers_shared ? std::max(attached_at_, collected_.Get(next.self))
                                           : next.published_to;
  HL_TRY(ledger::DropRetirementsAfter(db_, next.self_index, base));
  HL_TRY(ledger::StartIncarnation(db_, &next, incarnation, base, request.read_log_again));
  const State started = next;
  if (!HL_MUTANT(id_share_inherited)) next.ids = DrawnIdShare(next.self);
  HL_TRY(ledger::SaveState(db_, next, started));
  HL_TRY(MoveIds(catalog_, next));
  HL_TRY(transaction.Commit());
  state_ = saved_state_ = next;
  TellWritten();
  HL_ASSIGN(origins_, ledger::OriginTable::Load(db_));
  HL_ASSIGN(progress_, ledger::LoadProgress(db_, origins_));
  HL_TRY(LoadRetirements());
  HL_ASSIGN(journaled_, NewestOwn(state_));
  return Ok();
}

}  // namespace harmonylite::node
