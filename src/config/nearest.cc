#include "config/nearest.h"

#include <algorithm>

namespace harmonylite::config {
namespace {

// A longer word is not a mistyped known one. The limit also bounds the time.
constexpr size_t kLongestWord = 64;

}  // namespace

size_t EditDistance(std::string_view a, std::string_view b) {
  // rows[i % 3] holds the distances of a's first i characters to each prefix of b.
  std::vector<size_t> rows[3];
  for (auto& row : rows) row.resize(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i - 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], rows[(i - 2) % 3][j - 2] + 1);
      }
    }
  }
  return rows[a.size() % 3][b.size()];
}

std::string Nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > kLongestWord) return {};
  // At most a third of the word may be wrong, or two characters if that is more, but never the
  // whole word.
  size_t best =
      std::min(std::max<size_t>(2, word.size() / 3), word.size() - (word.empty() ? 0 : 1)) + 1;
  std::string nearest;
  for (const auto& candidate : known) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace harmonylite::config
