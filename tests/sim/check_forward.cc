#include <fmt/format.h>

#include <utility>

#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

// Checks rows whose delete had been forgotten at an earlier look. A row that is there again must be
// newer than that delete; otherwise the delete did not last.
Violation CheckForgotten(const std::string& table, const ByKey<RowVersion>& now,
                         ByKey<VersionRank>* forgotten) {
  for (auto it = forgotten->begin(); it != forgotten->end();) {
    const auto& [key, delete_rank] = *it;
    const auto at = now.find(key);
    if (at == now.end()) {
      ++it;
      continue;
    }
    if (at->second.gone) {  // a tombstone, even an older one, shows no row (decision 20, rule 5)
      ++it;
      continue;
    }
    if (Rank(at->second) < delete_rank)
      return fmt::format(
          "a deleted row came back: table {} key {} at stamp {} of {}{}, deleted at {} of node {}",
          table, key, at->second.hlc, ToString(at->second.origin),
          at->second.gone ? " (deleted)" : "", delete_rank.first, delete_rank.second);
    it = forgotten->erase(it);
  }
  return std::nullopt;
}

// Checks the rows of one table that had a version at the last look.
Violation CheckTable(const std::string& table, const ByKey<RowVersion>& before,
                     const Picture& picture, const Ledger& ledger, ByKey<VersionRank>* forgotten) {
  const ByKey<RowVersion>& now = picture.versions.at(table);
  auto at = now.begin();
  for (const auto& [key, version] : before) {
    while (at != now.end() && at->first < key) ++at;
    // A node that has merged a snapshot may send an old delete of its own after a newer one was
    // forgotten (docs/decisions/0020, rule 5). The newer one may have come and gone since the last
    // look.
    const bool there = at != now.end() && at->first == key;
    const bool went_back = there && Rank(at->second) < Rank(version);
    if (!there || (went_back && at->second.gone)) {
      if (!ForgottenDelete(picture, ledger, table, key, Rank(version)))
        return fmt::format("a row {}: table {} key {}, which had stamp {} of {}",
                           there ? "went back to an older delete" : "lost its version", table, key,
                           version.hlc, ToString(version.origin));
      // Several deletes may explain the gap, and one that may be lost may not be the one that was
      // forgotten. So the newest certain one is remembered, or else the version that was there: a
      // row that comes back must be newer.
      (*forgotten)[key] = ForgottenDelete(picture, ledger, table, key, Rank(version), Which::kSure)
                              .value_or(Rank(version));
      continue;
    }
    if (went_back)
      return fmt::format(
          "a row went back: table {} key {} from stamp {} of {}{} to stamp {} of {}{}", table, key,
          version.hlc, ToString(version.origin), version.gone ? " (deleted)" : "", at->second.hlc,
          ToString(at->second.origin), at->second.gone ? " (deleted)" : "");
  }
  return std::nullopt;
}

}  // namespace

Violation CheckForward(const std::shared_ptr<const Picture>& picture, const Ledger& ledger,
                       Seen* seen) {
  const std::shared_ptr<const Picture> before = std::exchange(seen->last, picture);
  if (before == nullptr || before == picture) return std::nullopt;
  for (const auto& [table, versions] : before->versions) {
    ByKey<VersionRank>& forgotten = seen->forgotten[table];
    if (Violation found = CheckForgotten(table, picture->versions.at(table), &forgotten))
      return found;
    if (Violation found = CheckTable(table, versions, *picture, ledger, &forgotten)) return found;
  }
  return std::nullopt;
}

}  // namespace harmonylite::sim
