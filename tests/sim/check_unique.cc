#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

struct LiveRow {
  RowVersion version;
  std::string key;
  const Image* image;
};

std::string Folded(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// The values that a row holds in the UNIQUE indexes of its table. Values that an index takes for
// equal have equal text. `level` says whether the table `later` has its index already.
std::vector<std::string> UniqueValues(const std::string& table, int64_t level, const Image& image) {
  std::vector<std::string> out;
  if (table == "people") {
    if (const std::string nick = Folded(image.at("nick")); nick != "null")
      out.push_back("nick " + nick);
    if (const std::string& seat = image.at("seat"); seat != "0" && seat[0] != '-')
      out.push_back("seat " + seat);
  } else if (level >= kLevelOfLaterUnique && image.at("v") != "NULL") {
    out.push_back(image.at("v"));
  }
  return out;
}

bool Newer(const LiveRow& a, const LiveRow& b) {
  return std::pair(a.version.hlc, a.version.origin) > std::pair(b.version.hlc, b.version.origin);
}

Violation CheckTable(const Picture& picture, const Ledger& ledger, const std::string& table) {
  const auto written = ledger.writes().find(table);
  if (written == ledger.writes().end()) return std::nullopt;
  std::vector<LiveRow> live;
  for (const auto& [key, version] : picture.versions.at(table)) {
    if (version.gone) continue;
    const auto writes = written->second.find(key);
    const Image* image =
        writes == written->second.end() ? nullptr : FindImage(writes->second, version);
    if (image == nullptr) return fmt::format("nobody wrote row {} of {}", key, table);
    live.push_back({version, key, image});
  }
  std::sort(live.begin(), live.end(), Newer);
  std::set<std::string> taken;
  for (const LiveRow& row : live) {
    const std::vector<std::string> values = UniqueValues(table, picture.level, *row.image);
    const bool free = std::none_of(values.begin(), values.end(),
                                   [&](const std::string& value) { return taken.contains(value); });
    if (free) taken.insert(values.begin(), values.end());
    if (free != picture.rows.at(table).contains(row.key) ||
        free == picture.shadowed.at(table).contains(row.key))
      return fmt::format("row {} of {} should be {}", row.key, table,
                         free ? "visible" : "shadowed");
  }
  return std::nullopt;
}

}  // namespace

Violation CheckUnique(const Picture& picture, const Ledger& ledger) {
  if (!picture.settled) return std::nullopt;
  if (Violation found = CheckTable(picture, ledger, "people")) return found;
  // The table `later` does not exist before its migration.
  if (picture.level < kLevelOfLater) return std::nullopt;
  return CheckTable(picture, ledger, "later");
}

}  // namespace harmonylite::sim
