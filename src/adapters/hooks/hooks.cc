#include "adapters/hooks/hooks.h"

#include "adapters/hooks/hook.h"

namespace harmonylite::hooks {

namespace {

// How long runs may go on when the process ends. A command that does not end at SIGTERM is killed
// half a second later.
constexpr int64_t kStopMs = 1'000;

}  // namespace

Hooks::Hooks(std::vector<HookOptions> options, const Clock* clock, Logger* logger) : clock_(clock) {
  for (HookOptions& one : options)
    hooks_.push_back(std::make_unique<Hook>(std::move(one), clock, logger));
}

Hooks::~Hooks() = default;

void Hooks::RowsWritten(const std::map<std::string, int64_t>& rows) {
  for (const auto& hook : hooks_) hook->Add(rows);
}

void Hooks::Stop() {
  const int64_t by_ms = clock_->MonotonicMs() + kStopMs;
  for (const auto& hook : hooks_) hook->StopBy(by_ms);
  for (const auto& hook : hooks_) hook->Join();
}

std::vector<HookState> Hooks::states() const {
  std::vector<HookState> out;
  for (const auto& hook : hooks_) out.push_back(hook->state());
  return out;
}

}  // namespace harmonylite::hooks
