#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

constexpr const char* kTable = "people";

struct LiveRow {
  RowVersion version;
  std::string key;
  const Image* image;
};

// The unique values of a row, as text that is equal where SQLite's indexes find them equal.
std::vector<std::string> UniqueValues(const Image& image) {
  std::vector<std::string> out;
  std::string nick = image.at("nick");
  std::transform(nick.begin(), nick.end(), nick.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (nick != "null") out.push_back("nick " + nick);
  const std::string& seat = image.at("seat");
  if (seat != "0" && seat[0] != '-') out.push_back("seat " + seat);
  return out;
}

const Image* FindImage(const std::vector<Write>& writes, const RowVersion& version) {
  for (const Write& write : writes)
    if (write.present && Rank(write) == Rank(version)) return &write.image;
  return nullptr;
}

bool Newer(const LiveRow& a, const LiveRow& b) {
  return std::pair(a.version.hlc, a.version.origin) > std::pair(b.version.hlc, b.version.origin);
}

}  // namespace

Violation CheckUnique(const Picture& picture, const Ledger& ledger) {
  const auto written = ledger.writes().find(kTable);
  if (!picture.settled || written == ledger.writes().end()) return std::nullopt;
  std::vector<LiveRow> live;
  for (const auto& [key, version] : picture.versions.at(kTable)) {
    if (version.gone) continue;
    const auto writes = written->second.find(key);
    const Image* image = writes == written->second.end() ? nullptr : FindImage(writes->second, version);
    if (image == nullptr) return fmt::format("nobody wrote row {} of {}", key, kTable);
    live.push_back({version, key, image});
  }
  std::sort(live.begin(), live.end(), Newer);
  std::set<std::string> taken;
  for (const LiveRow& row : live) {
    const std::vector<std::string> values = UniqueValues(*row.image);
    const bool free = std::none_of(values.begin(), values.end(),
                                   [&](const std::string& value) { return taken.contains(value); });
    if (free) taken.insert(values.begin(), values.end());
    if (free != picture.rows.at(kTable).contains(row.key) ||
        free == picture.shadowed.at(kTable).contains(row.key))
      return fmt::format("row {} of {} should be {}", row.key, kTable, free ? "visible" : "shadowed");
  }
  return std::nullopt;
}

}  // namespace harmonylite::sim
