#include "node/snapshot_board.h"

#include <utility>

namespace harmonylite::node {

void SnapshotBoard::Want(std::string reason) {
  const std::lock_guard lock(mutex_);
  if (!wanted_) wanted_ = std::move(reason);
}

std::optional<std::string> SnapshotBoard::Take() {
  const std::lock_guard lock(mutex_);
  making_ = wanted_.has_value();
  if (making_) activity_.transfer.cancelled = false;
  return std::exchange(wanted_, std::nullopt);
}

void SnapshotBoard::Done(KnownSnapshot made) {
  const std::lock_guard lock(mutex_);
  making_ = false;
  looked_ = true;
  ++done_;
  last_error_.clear();
  newest_ = std::move(made);
}

void SnapshotBoard::Failed(std::string error) {
  const std::lock_guard lock(mutex_);
  making_ = false;
  ++failed_;
  last_error_ = std::move(error);
}

void SnapshotBoard::Cancel() {
  const std::lock_guard lock(mutex_);
  wanted_.reset();
  activity_.transfer.cancelled = true;
}

bool SnapshotBoard::busy() const {
  const std::lock_guard lock(mutex_);
  return making_ || wanted_.has_value();
}

int64_t SnapshotBoard::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

int64_t SnapshotBoard::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::string SnapshotBoard::last_error() const {
  const std::lock_guard lock(mutex_);
  return last_error_;
}

void SnapshotBoard::SetNewest(std::optional<KnownSnapshot> newest) {
  const std::lock_guard lock(mutex_);
  looked_ = true;
  newest_ = std::move(newest);
}

bool SnapshotBoard::looked() const {
  const std::lock_guard lock(mutex_);
  return looked_;
}

std::optional<KnownSnapshot> SnapshotBoard::newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

void SnapshotBoard::SetLeading(bool leading) {
  const std::lock_guard lock(mutex_);
  leading_ = leading;
}

bool SnapshotBoard::leading() const {
  const std::lock_guard lock(mutex_);
  return leading_;
}

}  // namespace harmonylite::node
