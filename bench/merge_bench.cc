// Measures the pure merge of row versions in memory: two nodes' versions of the same rows are
// decided one by one. The last line printed is {"rows":N,"seconds":S}.
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string_view>
#include <vector>

#include "merge/resolve.h"

namespace {

using namespace harmonylite;

constexpr int64_t kDefaultRows = 1'000'000;
constexpr uint64_t kOrigins = 8;

int64_t RowsFrom(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; ++i)
    if (std::string_view(argv[i]) == "--rows") return std::strtoll(argv[i + 1], nullptr, 10);
  return kDefaultRows;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t rows = RowsFrom(argc, argv);
  std::mt19937_64 random(1);
  change::ProgressVector seen;
  for (uint64_t node = 1; node <= kOrigins; ++node)
    seen.Advance({NodeId(node), Incarnation(1)}, Lseq(rows / 2));
  std::vector<merge::LocalVersion> local;
  std::vector<change::Version> incoming;
  const auto draw = [&] {
    return change::Version{Hlc(static_cast<int64_t>(random() % 1000)),
                           {NodeId(random() % kOrigins + 1), Incarnation(1)}};
  };
  for (int64_t i = 0; i < rows; ++i) {
    local.push_back({draw(), Lseq(static_cast<int64_t>(random() % static_cast<uint64_t>(rows)))});
    incoming.push_back(draw());
  }
  const auto start = std::chrono::steady_clock::now();
  int64_t won = 0;
  int64_t conflicts = 0;
  for (size_t i = 0; i < local.size(); ++i) {
    const merge::Decision decision =
        merge::Resolve(local[i], incoming[i], change::Knowledge(seen), false);
    won += decision.outcome == merge::Outcome::kIncomingWins;
    conflicts += decision.concurrent;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print(stderr, "{} rows: {} replaced, {} conflicts\n", rows, won, conflicts);
  fmt::print("{{\"rows\":{},\"seconds\":{}}}\n", rows, seconds);
}
