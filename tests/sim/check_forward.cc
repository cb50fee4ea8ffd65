#include <fmt/format.h>

#include <utility>

#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

Violation CheckTable(const std::string& table, const ByKey<RowVersion>& before,
                     const ByKey<RowVersion>& now) {
  auto at = now.begin();
  for (const auto& [key, version] : before) {
    while (at != now.end() && at->first < key) ++at;
    if (at == now.end() || at->first != key)
      return fmt::format("a row lost its version: table {} key {}", table, key);
    if (Rank(at->second) < Rank(version))
      return fmt::format("a row went back: table {} key {} from stamp {} of {}{} to stamp {} of {}{}", table,
                         key, version.hlc, ToString(version.origin), version.gone ? " (deleted)" : "",
                         at->second.hlc, ToString(at->second.origin),
                         at->second.gone ? " (deleted)" : "");
  }
  return std::nullopt;
}

}  // namespace

Violation CheckForward(const std::shared_ptr<const Picture>& picture, Seen* seen) {
  const std::shared_ptr<const Picture> before = std::exchange(seen->last, picture);
  if (before == nullptr || before == picture) return std::nullopt;
  for (const auto& [table, versions] : before->versions)
    if (Violation found = CheckTable(table, versions, picture->versions.at(table))) return found;
  return std::nullopt;
}

}  // namespace harmonylite::sim
