#include "node/row_desk.h"

#include <utility>

namespace harmonylite::node {

void RowDesk::Order(RowOrders orders) {
  const std::lock_guard lock(mutex_);
  orders_ = std::move(orders);
  result_.reset();
}

std::optional<RowOrders> RowDesk::TakeOrders() {
  const std::lock_guard lock(mutex_);
  return std::exchange(orders_, std::nullopt);
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

void RowDesk::SetStanding(const Standing& standing) {
  const std::lock_guard lock(mutex_);
  standing_ = standing;
  if (standing.joined) join_problem_.clear();
}

bool RowDesk::joined() const {
  const std::lock_guard lock(mutex_);
  return standing_.joined;
}

bool RowDesk::compared() const {
  const std::lock_guard lock(mutex_);
  return standing_.compared;
}

bool RowDesk::catching_up() const {
  const std::lock_guard lock(mutex_);
  return standing_.catching_up;
}

void RowDesk::SetReach(change::ProgressVector reach) {
  const std::lock_guard lock(mutex_);
  reach_ = std::move(reach);
}

std::optional<change::ProgressVector> RowDesk::reach() const {
  const std::lock_guard lock(mutex_);
  return reach_;
}

void RowDesk::SetJoinProblem(std::string problem) {
  const std::lock_guard lock(mutex_);
  join_problem_ = std::move(problem);
}

std::string RowDesk::join_problem() const {
  const std::lock_guard lock(mutex_);
  return join_problem_;
}

}  // namespace harmonylite::node
