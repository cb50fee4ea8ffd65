#include <fmt/format.h>

#include <algorithm>

#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

// Compares one key at the end of a history with its writes. The version must rank at least as high
// as the newest write that cannot be lost, it must be one that was committed, and the row must be
// what was written under it.
Violation CheckKey(const Picture& picture, const Ledger& ledger, const std::string& table,
                   const std::string& key, const std::vector<Write>& writes) {
  std::pair<int64_t, uint64_t> newest{0, 0};
  bool all_may_be_lost = true;
  for (const Write& write : writes) {
    if (write.may_be_lost) continue;
    all_may_be_lost = false;
    newest = std::max(newest, Rank(write));
  }
  const auto& versions = picture.versions.at(table);
  const auto version = versions.find(key);
  if (version == versions.end()) {
    if (all_may_be_lost || ForgottenDelete(picture, ledger, table, key, newest))
      return std::nullopt;
    return fmt::format("a commit is lost: table {} key {} has no version", table, key);
  }
  const auto rank = Rank(version->second);
  // An older tombstone counts as no version, because the newer delete may be forgotten (decision
  // 20, rule 5).
  if (version->second.gone && rank < newest && ForgottenDelete(picture, ledger, table, key, newest))
    return std::nullopt;
  if (rank < newest)
    return fmt::format("a commit is lost: table {} key {} is at {}/{}, but {}/{} was committed",
                       table, key, rank.first, rank.second, newest.first, newest.second);
  const auto& rows = picture.rows.at(table);
  const auto row = rows.find(key);
  bool known = false;
  for (const Write& write : writes) {
    if (Rank(write) != rank) continue;
    known = true;
    if (write.present && picture.shadowed.at(table).contains(key)) return std::nullopt;
    if (write.present != (row != rows.end())) continue;
    if (!write.present) return std::nullopt;
    Image expected = write.image;  // the row may have been written before a migration
    MigrateImage(table, picture.level, &expected);
    if (row->second == expected) return std::nullopt;
  }
  return fmt::format("table {} key {} at {}/{}: {}", table, key, rank.first, rank.second,
                     known ? "the row is not what was written" : "nobody committed that version");
}

}  // namespace

Violation CheckLedger(const Picture& picture, const Ledger& ledger) {
  for (const auto& [table, keys] : ledger.writes())
    for (const auto& [key, writes] : keys)
      if (Violation found = CheckKey(picture, ledger, table, key, writes)) return found;
  if (Violation found = CheckUnique(picture, ledger)) return found;
  for (const auto& [table, rows] : picture.rows)
    for (const auto& [key, image] : rows) {
      const auto keys = ledger.writes().find(table);
      if (keys == ledger.writes().end() || !keys->second.contains(key))
        return fmt::format("a row was invented: table {} key {}", table, key);
    }
  return std::nullopt;
}

}  // namespace harmonylite::sim
