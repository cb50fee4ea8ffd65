#include "sim/checks.h"

namespace harmonylite::sim {

std::optional<VersionRank> ForgottenDelete(const Picture& picture, const Ledger& ledger,
                                           const std::string& table, const std::string& key,
                                           const VersionRank& least, Which which) {
  std::optional<VersionRank> newest;
  if (picture.collected.map().empty()) return newest;
  const auto keys = ledger.writes().find(table);
  if (keys == ledger.writes().end()) return newest;
  const auto writes = keys->second.find(key);
  if (writes == keys->second.end()) return newest;
  for (const Write& write : writes->second) {
    if (write.present || Rank(write) < least || (newest && Rank(write) < *newest)) continue;
    if (which == Which::kSure && (write.may_be_lost || ledger.Contested(write))) continue;
    if (ledger.Covers(picture.collected, write)) newest = Rank(write);
  }
  return newest;
}

}  // namespace harmonylite::sim
