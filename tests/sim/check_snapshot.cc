#include <fmt/format.h>

#include <cstdlib>
#include <iterator>
#include <set>

#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

int64_t Number(const Image& image, const char* column) {
  return std::strtoll(image.at(column).c_str(), nullptr, 10);
}

const ByKey<Image>& Rows(const Picture& picture, const char* table) {
  return picture.rows.at(table);
}

// Every owner has all its accounts, and their balances sum up to what they began with.
Violation CheckTransfers(const Picture& picture, const Ledger& ledger) {
  std::map<int64_t, std::pair<int64_t, int64_t>> owners;  // number of rows and sum, by owner
  std::set<int64_t> adopted;
  for (const auto& [key, image] : Rows(picture, "accounts")) {
    if (ledger.Adopted("accounts", key)) adopted.insert(Number(image, "owner"));
    auto& [rows, sum] = owners[Number(image, "owner")];
    ++rows;
    sum += Number(image, "balance");
  }
  for (const auto& [owner, total] : owners) {
    if (adopted.contains(owner)) continue;
    if (total.first != kAccounts || total.second != kAccounts * kBalance)
      return fmt::format("half a transfer is visible: owner {} has {} accounts with {}", owner,
                         total.first, total.second);
  }
  return std::nullopt;
}

// Both tables of counters have the same rows with the same numbers.
Violation CheckCounters(const Picture& picture, const Ledger& ledger) {
  ByKey<Image> left = Rows(picture, "counter_left");
  ByKey<Image> right = Rows(picture, "counter_right");
  for (const auto& [table, key] : ledger.adopted())
    if (table == "counter_left" || table == "counter_right") {
      left.erase(key);
      right.erase(key);
    }
  if (left == right) return std::nullopt;
  return "half a transaction is visible: counter_left and counter_right differ";
}

// A row of `chain` says which row its writer had seen. That row must be visible, with at least the
// number that was seen.
Violation CheckCauses(const Picture& picture, const Ledger& ledger) {
  const auto& chain = Rows(picture, "chain");
  for (const auto& [key, image] : chain) {
    if (image.at("saw_who") == "NULL" || ledger.Adopted("chain", key) ||
        ledger.Adopted("chain", image.at("saw_who")))
      continue;
    const auto cause = chain.find(image.at("saw_who"));
    if (cause == chain.end() || Number(cause->second, "n") < Number(image, "saw_n"))
      return fmt::format("an effect is visible before its cause: {} had seen {} at {}, which is {}",
                         key, image.at("saw_who"), image.at("saw_n"),
                         cause == chain.end() ? "absent" : cause->second.at("n"));
  }
  return std::nullopt;
}

// Counters and chains only grow, so no number may be smaller than at the last look.
Violation CheckReads(const Picture& picture, const Ledger& ledger, Seen* seen) {
  std::map<std::string, int64_t> now;
  for (const char* table : {"counter_left", "chain"})
    for (const auto& [key, image] : Rows(picture, table))
      if (!ledger.Adopted(table, key)) now[std::string(table) + " " + key] = Number(image, "n");
  for (const auto& [what, before] : seen->values) {
    const auto it = now.find(what);
    const size_t space = what.find(' ');
    if (it == now.end() && ledger.Adopted(what.substr(0, space), what.substr(space + 1))) continue;
    if (it == now.end() || it->second < before)
      return fmt::format("a read went back: {} was {}, is {}", what, before,
                         it == now.end() ? "absent" : std::to_string(it->second));
  }
  seen->values = std::move(now);
  return std::nullopt;
}

}  // namespace

Violation CheckSnapshot(const Picture& picture, const Ledger& ledger, Seen* seen, bool causes) {
  if (Violation found = CheckTransfers(picture, ledger)) return found;
  if (Violation found = CheckCounters(picture, ledger)) return found;
  if (causes)
    if (Violation found = CheckCauses(picture, ledger)) return found;
  return CheckReads(picture, ledger, seen);
}

Violation CheckOwnWrites(const Picture& picture, const Ledger& ledger, int64_t who) {
  const std::string key = std::to_string(who);
  for (const char* table : {"counter_left", "counter_right", "chain"}) {
    const auto of_table = ledger.writes().find(table);
    if (of_table == ledger.writes().end()) continue;
    const auto writes = of_table->second.find(key);
    if (writes == of_table->second.end() || ledger.Adopted(table, key)) continue;
    const auto row = Rows(picture, table).find(key);
    // The row must be the newest write. Where that write may be lost, it may also be an earlier
    // one, back to the newest write that cannot be lost, or absent if all may be.
    bool known = false;
    for (auto write = writes->second.rbegin(); write != writes->second.rend() && !known; ++write) {
      known = row != Rows(picture, table).end() && row->second == write->image;
      if (!write->may_be_lost) break;
      known |= row == Rows(picture, table).end() && std::next(write) == writes->second.rend();
    }
    if (!known)
      return fmt::format("the file went back behind its own commit: {} row {}", table, key);
  }
  return std::nullopt;
}

}  // namespace harmonylite::sim
