#include "node/shared_state.h"

#include <algorithm>
#include <utility>

namespace harmonylite::node {

using change::ProgressVector;

void SharedState::SetPublished(const Origin& self, Published published) {
  const std::lock_guard lock(mutex_);
  if (self == self_) published_ = published;
}

Published SharedState::published() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

void SharedState::CountSent(int64_t rows, int64_t wall_ms) {
  const std::lock_guard lock(mutex_);
  ++sent_.batches;
  sent_.rows += rows;
  sent_.last_wall_ms = wall_ms;
}

SentTotals SharedState::sent() const {
  const std::lock_guard lock(mutex_);
  return sent_;
}

void SharedState::SetSending(Lseq to) {
  const std::lock_guard lock(mutex_);
  sending_ = std::max(sending_, to);
}

Lseq SharedState::sending() const {
  const std::lock_guard lock(mutex_);
  return sending_;
}

void SharedState::RequestIncarnation(IncarnationRequest request) {
  const std::lock_guard lock(mutex_);
  if (!incarnation_request_) incarnation_request_.emplace();
  incarnation_request_->read_log_again |= request.read_log_again;
  incarnation_request_->numbers_shared |= request.numbers_shared;
}

std::optional<IncarnationRequest> SharedState::incarnation_request() const {
  const std::lock_guard lock(mutex_);
  return incarnation_request_;
}

Lseq SharedState::published_as_self() const {
  const std::lock_guard lock(mutex_);
  return published_.to > base_ ? published_.to : Lseq(0);
}

bool SharedState::PublishedAs(const Origin& origin, Lseq to) const {
  const std::lock_guard lock(mutex_);
  return self_ == origin && published_.to >= to;
}

void SharedState::SetSnapshotWaits(bool waits) {
  const std::lock_guard lock(mutex_);
  snapshot_waits_ = waits;
}

bool SharedState::snapshot_waits() const {
  const std::lock_guard lock(mutex_);
  return snapshot_waits_;
}

void SharedState::SetSelf(const Origin& self, Lseq base, Published published, bool is_new) {
  const std::lock_guard lock(mutex_);
  self_ = self;
  base_ = base;
  published_ = published;
  self_is_new_ = is_new;
  incarnation_request_.reset();
}

bool SharedState::self_is_new() const {
  const std::lock_guard lock(mutex_);
  return self_is_new_;
}

Origin SharedState::self() const {
  const std::lock_guard lock(mutex_);
  return self_;
}

void SharedState::SetLastChange(Lseq lseq) {
  const std::lock_guard lock(mutex_);
  last_change_ = lseq;
}

int64_t SharedState::unsent() const {
  const std::lock_guard lock(mutex_);
  return std::max<int64_t>(std::max(last_change_, sending_).value - published_.to.value, 0);
}

void SharedState::SetDatabaseError(std::string error) {
  const std::lock_guard lock(mutex_);
  database_error_ = std::move(error);
}

void SharedState::SetUnsendable(std::string why) {
  const std::lock_guard lock(mutex_);
  unsendable_ = std::move(why);
}

std::string SharedState::unsendable() const {
  const std::lock_guard lock(mutex_);
  return unsendable_;
}

std::string SharedState::database_error() const {
  const std::lock_guard lock(mutex_);
  return database_error_;
}

void SharedState::SetIdentified(bool identified) {
  const std::lock_guard lock(mutex_);
  identified_ = identified;
}

bool SharedState::identified() const {
  const std::lock_guard lock(mutex_);
  return identified_;
}

void SharedState::SetApplied(AppliedState applied) {
  const std::lock_guard lock(mutex_);
  applied_ = std::move(applied);
}

AppliedState SharedState::applied() const {
  const std::lock_guard lock(mutex_);
  return applied_;
}

void SharedState::RequestRepair(const ProgressVector& have) {
  const std::lock_guard lock(mutex_);
  if (!repair_) {
    repair_ = have;
    return;
  }
  ProgressVector least;  // an origin that one of the requests lacks stays absent
  for (const auto& [origin, lseq] : have.map())
    least.Advance(origin, std::min(lseq, repair_->Get(origin)));
  repair_ = least;
}

std::optional<ProgressVector> SharedState::TakeRepairRequest() {
  const std::lock_guard lock(mutex_);
  return std::exchange(repair_, std::nullopt);
}

void SharedState::SetMembership(MembershipReport report) {
  const std::lock_guard lock(mutex_);
  membership_ = std::move(report);
}

MembershipReport SharedState::membership() const {
  const std::lock_guard lock(mutex_);
  return membership_;
}

void SharedState::SetBehindForgotten(bool behind) {
  const std::lock_guard lock(mutex_);
  behind_forgotten_ = behind;
}

bool SharedState::behind_forgotten() const {
  const std::lock_guard lock(mutex_);
  return behind_forgotten_;
}

void SharedState::SetTablesElsewhere(bool elsewhere) {
  const std::lock_guard lock(mutex_);
  tables_elsewhere_ = elsewhere;
}

bool SharedState::tables_elsewhere() const {
  const std::lock_guard lock(mutex_);
  return tables_elsewhere_;
}

void SharedState::SetResyncWish(std::optional<ResyncWish> wish) {
  const std::lock_guard lock(mutex_);
  resync_wish_ = std::move(wish);
}

std::optional<ResyncWish> SharedState::resync_wish() const {
  const std::lock_guard lock(mutex_);
  return resync_wish_;
}

void SharedState::SetLogGap(bool gap) {
  const std::lock_guard lock(mutex_);
  log_gap_ = gap;
}

bool SharedState::log_gap() const {
  const std::lock_guard lock(mutex_);
  return log_gap_;
}

void SharedState::OfferSnapshot(std::shared_ptr<OpenSnapshot> snapshot) {
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
}

std::shared_ptr<OpenSnapshot> SharedState::TakeSnapshot() {
  const std::lock_guard lock(mutex_);
  return std::exchange(snapshot_, nullptr);
}

void SharedState::SetResyncError(std::string error) {
  const std::lock_guard lock(mutex_);
  resync_error_ = std::move(error);
}

std::string SharedState::resync_error() const {
  const std::lock_guard lock(mutex_);
  return resync_error_;
}

void SharedState::SetUnreadableSnapshot(std::string text) {
  const std::lock_guard lock(mutex_);
  unreadable_snapshot_ = std::move(text);
}

std::string SharedState::unreadable_snapshot() const {
  const std::lock_guard lock(mutex_);
  return unreadable_snapshot_;
}

}  // namespace harmonylite::node
