#include "sim/shrink.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>

#include "sim/campaign.h"

namespace harmonylite::sim {

namespace {

constexpr size_t kKindLetters = 24;

// The kind of a violation: the first letters of its message, without time, place and numbers. Two
// violations of one kind break the same promise.
std::string KindOf(const std::string& violation) {
  const size_t place = violation.rfind("at ", 0) == 0 ? violation.find(": ") : std::string::npos;
  std::string out;
  for (size_t i = place == std::string::npos ? 0 : place + 2; i < violation.size(); ++i)
    if (std::isalpha(static_cast<unsigned char>(violation[i])) != 0) out += violation[i];
  return out.substr(0, kKindLetters);
}

class Shrinker {
 public:
  Shrinker(Runner* runner, int64_t most_tries, Small* out)
      : runner_(runner), most_tries_(most_tries), out_(out) {}

  void Run() {
    const HistoryReport first = RunApart(runner_, out_->options);
    if (!first.violation) return;
    out_->violation = *first.violation;
    kind_ = KindOf(out_->violation);
    FewerNodes();
    FewerFaults();
    for (size_t left = 0; left != Count();) {
      left = Count();
      FewerSteps();
    }
    FewerFaults();
  }

 private:
  size_t Count() const {
    return static_cast<size_t>(std::count(out_->steps.begin(), out_->steps.end(), true));
  }

  // Runs a history. Returns true if it breaks the same promise; its violation is then the result's.
  bool Try(const HistoryOptions& options) {
    if (out_->tries >= most_tries_) return false;
    ++out_->tries;
    const HistoryReport report = RunApart(runner_, options);
    if (!report.violation || KindOf(*report.violation) != kind_) return false;
    out_->violation = *report.violation;
    return true;
  }

  void FewerNodes() {
    for (size_t nodes = 2; nodes < out_->options.most_nodes; ++nodes) {
      HistoryOptions fewer = out_->options;
      fewer.most_nodes = nodes;
      if (Try(fewer)) out_->options = fewer;
    }
  }

  void FewerFaults() {
    for (size_t i = 0; i < kFaults; ++i) {
      HistoryOptions fewer = out_->options;
      if (fewer.without[static_cast<Fault>(i)]) continue;
      fewer.without.Set(static_cast<Fault>(i), true);
      if (Try(fewer)) out_->options = fewer;
    }
  }

  // Takes away steps in pieces, from half of all steps down to single steps.
  void FewerSteps() {
    for (size_t chunk = kMostSteps / 2; chunk > 0; chunk /= 2) {
      for (size_t from = 0; from < kMostSteps; from += chunk) {
        const std::vector<bool> before = out_->steps;
        const auto begin = out_->steps.begin() + static_cast<std::ptrdiff_t>(from);
        const auto end =
            out_->steps.begin() + static_cast<std::ptrdiff_t>(std::min(from + chunk, kMostSteps));
        if (std::find(begin, end, true) == end) continue;
        std::fill(begin, end, false);
        if (!Try(out_->options)) out_->steps = before;
      }
      std::printf("  steps in pieces of %zu: %zu left after %lld tries\n", chunk, Count(),
                  static_cast<long long>(out_->tries));
      std::fflush(stdout);
    }
  }

  Runner* runner_;
  const int64_t most_tries_;
  Small* out_;
  std::string kind_;
};

}  // namespace

void Shrink(Runner* runner, uint64_t seed, int64_t most_tries, Small* out) {
  out->options.seed = seed;
  out->steps.assign(kMostSteps, true);
  out->options.keep = &out->steps;
  Shrinker(runner, most_tries, out).Run();
}

std::string StepsText(const std::vector<bool>& steps) {
  std::string out;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (!steps[i]) continue;
    size_t last = i;
    while (last + 1 < steps.size() && steps[last + 1]) ++last;
    out += fmt::format("{}{}", out.empty() ? "" : ",", i);
    if (last > i) out += fmt::format("-{}", last);
    i = last;
  }
  return out;
}

bool ParseSteps(const std::string& text, std::vector<bool>* out) {
  out->assign(kMostSteps, false);
  const char* at = text.c_str();
  while (*at != '\0') {
    char* end = nullptr;
    const size_t from = std::strtoull(at, &end, 10);
    size_t to = from;
    if (end == at) return false;
    if (*end == '-') to = std::strtoull(end + 1, &end, 10);
    if (to >= kMostSteps || to < from) return false;
    for (size_t i = from; i <= to; ++i) (*out)[i] = true;
    if (*end != ',' && *end != '\0') return false;
    at = *end == ',' ? end + 1 : end;
  }
  return true;
}

}  // namespace harmonylite::sim
