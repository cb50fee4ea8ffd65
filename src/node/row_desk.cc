#include "node/row_desk.h"

#include <utility>

namespace harmonylite::node {

void RowDesk::Order(RowOrder order) {
  const std::lock_guard lock(mutex_);
  order_ = std::move(order);
  result_.reset();
}

std::optional<RowOrder> RowDesk::TakeOrder() {
  const std::lock_guard lock(mutex_);
  return std::exchange(order_, std::nullopt);
}

void RowDesk::Finish(Result<int64_t> rows) {
  const std::lock_guard lock(mutex_);
  result_.emplace(std::move(rows));
}

std::optional<Result<int64_t>> RowDesk::TakeResult() {
  const std::lock_guard lock(mutex_);
  std::optional<Result<int64_t>> out = std::move(result_);
  result_.reset();
  return out;
}

void RowDesk::OrderResend(RowOrder order) {
  const std::lock_guard lock(mutex_);
  resends_.push_back(std::move(order));
}

std::optional<RowOrder> RowDesk::TakeResend() {
  const std::lock_guard lock(mutex_);
  if (resends_.empty()) return std::nullopt;
  RowOrder out = std::move(resends_.front());
  resends_.erase(resends_.begin());
  return out;
}

void RowDesk::SetDivergence(Divergence divergence) {
  const std::lock_guard lock(mutex_);
  divergence_ = std::move(divergence);
}

Divergence RowDesk::divergence() const {
  const std::lock_guard lock(mutex_);
  return divergence_;
}

}  // namespace harmonylite::node
