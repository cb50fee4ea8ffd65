#include <fmt/format.h>

#include "sim/checks.h"

namespace harmonylite::sim {

Violation CheckBookkeeping(const Picture& picture, const Ledger& ledger) {
  for (const auto& [origin, lseq] : picture.vector.map())
    if (lseq.value > ledger.LastOf(origin))
      return fmt::format("{} has change {} of {}, which wrote only {}", ToString(picture.self),
                         lseq.value, ToString(origin), ledger.LastOf(origin));
  if (picture.published_to > picture.newest_entry)
    return fmt::format("published to {}, but the journal ends at {}", picture.published_to,
                       picture.newest_entry);
  if (picture.folded_to > picture.newest_entry)
    return fmt::format("folded to {}, but the journal ends at {}", picture.folded_to,
                       picture.newest_entry);
  for (const auto& [origin, lseq] : picture.collected.map())
    if (!picture.vector.Covers(origin, lseq))
      return fmt::format("{} has forgotten deletes of {} up to {}, which it has not merged",
                         ToString(picture.self), ToString(origin), lseq.value);
  for (const auto& [table, rows] : picture.rows)
    for (const auto& [key, image] : rows)
      if (!picture.versions.at(table).contains(key))
        return fmt::format("table {} key {}: the row is there and has no version", table, key);
  for (const auto& [table, versions] : picture.versions)
    for (const auto& [key, version] : versions) {
      const bool shown = picture.rows.at(table).contains(key);
      const bool shadowed = picture.shadowed.at(table).contains(key);
      if ((shown || shadowed) == version.gone || (shown && shadowed))
        return fmt::format("table {} key {}: the version says {}, the row is {}{}", table, key,
                           version.gone ? "gone" : "live", shown ? "there" : "absent",
                           shadowed ? " and shadowed" : "");
    }
  return std::nullopt;
}

Violation CheckIntegrity(sqlite::Connection* db) {
  auto answer = db->QueryText("PRAGMA integrity_check");
  if (!answer.ok()) return answer.error().message();
  if (*answer != "ok") return "integrity_check: " + *answer;
  return std::nullopt;
}

}  // namespace harmonylite::sim
