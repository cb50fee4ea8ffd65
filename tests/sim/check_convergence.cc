#include <fmt/format.h>

#include <algorithm>

#include "sim/checks.h"

namespace harmonylite::sim {

namespace {

std::string Text(const Image& image) {
  std::string out;
  for (const auto& [column, value] : image) out += fmt::format(" {}={:.40}", column, value);
  return out;
}

std::string Text(const RowVersion& v) {
  return fmt::format(" stamp {} of {} lseq {}{}", v.hlc, ToString(v.origin), v.lseq,
                     v.gone ? " gone" : "");
}

// True if a difference between two versions is one that forgetting tombstones allows: the row is
// deleted on both nodes, and the node with the older tombstone, or with none, may have forgotten a
// delete at least as new as the other node's tombstone. Rows and shadowed rows may never differ.
bool Forgotten(const std::string& table, const std::string& key, const RowVersion* a,
               const RowVersion* b, const Picture& of_a, const Picture& of_b,
               const Ledger& ledger) {
  if ((a != nullptr && !a->gone) || (b != nullptr && !b->gone)) return false;
  const VersionRank left = a == nullptr ? VersionRank{} : Rank(*a);
  const VersionRank right = b == nullptr ? VersionRank{} : Rank(*b);
  return ForgottenDelete(left < right ? of_a : of_b, ledger, table, key, std::max(left, right))
      .has_value();
}
bool Forgotten(const std::string&, const std::string&, const Image*, const Image*, const Picture&,
               const Picture&, const Ledger&) {
  return false;
}

template <typename T>
Violation Compare(const char* what, const std::map<std::string, ByKey<T>>& a,
                  const std::map<std::string, ByKey<T>>& b, const Picture& of_a,
                  const Picture& of_b, const Ledger& ledger) {
  for (const AppTable& table : AppTables()) {
    const ByKey<T>& left = a.at(table.name);
    const ByKey<T>& right = b.at(table.name);
    if (left == right) continue;
    std::map<std::string, int> keys;
    for (const auto& [key, value] : left) keys[key];
    for (const auto& [key, value] : right) keys[key];
    for (const auto& [key, unused] : keys) {
      const auto l = left.find(key);
      const auto r = right.find(key);
      if (l != left.end() && r != right.end() && l->second == r->second) continue;
      if (Forgotten(table.name, key, l == left.end() ? nullptr : &l->second,
                    r == right.end() ? nullptr : &r->second, of_a, of_b, ledger))
        continue;
      return fmt::format("{} of table {} differ at equal progress: key {}:{} /{}", what, table.name,
                         key, l == left.end() ? " absent" : Text(l->second),
                         r == right.end() ? " absent" : Text(r->second));
    }
  }
  return std::nullopt;
}

}  // namespace

Violation CheckConvergence(const Picture& a, const Picture& b, const Ledger& ledger) {
  if (a.vector != b.vector) return std::nullopt;
  if (Violation found = Compare("versions", a.versions, b.versions, a, b, ledger)) return found;
  // Files that have run different migrations show the same content in different shapes. They are
  // compared once both have run the same.
  if (a.level != b.level) return std::nullopt;
  // Rows that a local write has freed or hidden are judged when the write is folded.
  if (!a.settled || !b.settled) return std::nullopt;
  if (Violation found = Compare("shadowed rows", a.shadowed, b.shadowed, a, b, ledger))
    return found;
  return Compare("rows", a.rows, b.rows, a, b, ledger);
}

}  // namespace harmonylite::sim
