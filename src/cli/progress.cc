#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace harmonylite::cli {

namespace {

using snapshot::Phase;

constexpr int64_t kBetweenLinesMs = 5'000;
constexpr size_t kBarWidth = 30;
constexpr double kMb = 1e6;

bool MovesTransfer(Phase phase) { return phase == Phase::kSending || phase == Phase::kFetching; }

}  // namespace

Progress::Progress(const snapshot::Activity* activity, const Clock* clock, Logger* logger)
    : activity_(activity),
      clock_(clock),
      logger_(logger),
      terminal_(::isatty(STDERR_FILENO) != 0),
      phase_ms_(clock->MonotonicMs()),
      line_ms_(phase_ms_) {}

Progress::~Progress() { Erase(); }

void Progress::Erase() {
  if (width_ == 0) return;
  fmt::print(stderr, "\r{:{}}\r", "", width_);
  std::fflush(stderr);
  width_ = 0;
}

std::string Progress::Text(bool bar) const {
  const Phase phase = activity_->phase.load();
  if (phase == Phase::kWaiting) return waiting_for_;
  std::string out = snapshot::PhaseText(phase);
  const uint64_t done =
      MovesTransfer(phase) ? activity_->transfer.bytes.load() : activity_->done.load();
  const uint64_t total = activity_->total.load();
  if (total == 0 || done == 0)
    return total == 0 ? out : fmt::format("{}: {:.1f} MB", out, static_cast<double>(total) / kMb);
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  if (bar) {
    const auto filled = static_cast<size_t>(share * kBarWidth);
    out += fmt::format(" [{:#>{}}{:.>{}}]", "", filled, "", kBarWidth - filled);
  } else {
    out += ":";
  }
  const double seconds =
      static_cast<double>(std::max<int64_t>(1, clock_->MonotonicMs() - phase_ms_)) / 1000;
  return out + fmt::format(" {:.0f}% {:.1f} of {:.1f} MB, {:.1f} MB/s", share * 100,
                           static_cast<double>(done) / kMb, static_cast<double>(total) / kMb,
                           static_cast<double>(done) / kMb / seconds);
}

void Progress::Show(const std::string& waiting_for) {
  const int64_t now = clock_->MonotonicMs();
  const bool other_wait = waiting_for != waiting_for_;
  waiting_for_ = waiting_for;
  if (const Phase phase = activity_->phase.load(); phase != phase_) {
    phase_ = phase;
    phase_ms_ = now;
  }
  if (terminal_) {
    const std::string text = Text(/*bar=*/true);
    fmt::print(stderr, "\r{:{}}", text, width_);
    std::fflush(stderr);
    width_ = std::max(width_, text.size());
    return;
  }
  const bool news = other_wait && phase_ == Phase::kWaiting && !waiting_for.empty();
  if (!news && now - line_ms_ < kBetweenLinesMs) return;
  line_ms_ = now;
  if (const std::string text = Text(/*bar=*/false); !text.empty()) logger_->Info("{}", text);
}

}  // namespace harmonylite::cli
