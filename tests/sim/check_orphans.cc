#include <fmt/format.h>

#include "sim/checks.h"

namespace harmonylite::sim {

Violation CheckOrphans(const Picture& picture, const Ledger& ledger) {
  const auto written = ledger.writes().find("child");
  if (!picture.settled || written == ledger.writes().end()) return std::nullopt;
  const ByKey<Image>& parents = picture.rows.at("parent");
  for (const auto& [key, version] : picture.versions.at("child")) {
    if (version.gone) continue;
    const auto writes = written->second.find(key);
    const Image* image =
        writes == written->second.end() ? nullptr : FindImage(writes->second, version);
    if (image == nullptr) return fmt::format("nobody wrote row {} of child", key);
    const std::string& parent = image->at("parent");
    const bool orphan = parent != "NULL" && !parents.contains(parent);
    if (orphan == picture.rows.at("child").contains(key))
      return fmt::format("row {} of child, whose parent {} is {}, is {}", key, parent,
                         orphan ? "absent" : "there", orphan ? "visible" : "hidden");
  }
  return std::nullopt;
}

}  // namespace harmonylite::sim
