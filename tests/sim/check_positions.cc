#include <fmt/format.h>

#include "node/options.h"
#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

// The stamps of one transaction count up, and run ahead of the clock by at most this.
constexpr int64_t kCountedMs = 10;

}  // namespace

Violation CheckPublished(const Picture& picture, const SimLog& log, int64_t inherited) {
  const int64_t held = std::max(log.HeldTo(picture.self).value, inherited);
  if (picture.published_to <= held) return std::nullopt;
  return fmt::format("published to {}, but the log never held more than {}", picture.published_to,
                     held);
}

Violation CheckStamps(const Picture& picture, int64_t latest_wall_ms) {
  const int64_t most = latest_wall_ms + node::NodeOptions{}.max_clock_skew_ms + kCountedMs;
  for (const auto& [table, versions] : picture.versions)
    for (const auto& [key, version] : versions)
      if (HlcMillis(Hlc(version.hlc)) > most)
        return fmt::format("table {} key {} is stamped {} ms later than any clock here may allow",
                           table, key, HlcMillis(Hlc(version.hlc)) - most);
  return std::nullopt;
}

}  // namespace harmonylite::sim
