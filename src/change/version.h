// Versions and progress vectors: which of two writes wins, and which writes a node has applied.
// Threads: plain values.
#pragma once

#include <map>

#include "base/ids.h"

namespace harmonylite::change {

// The version of a row's last write. Versions are totally ordered, and the greater one wins on
// every node (P4).
struct Version {
  Hlc hlc;  // 0 for a row from before HarmonyLite.
  Origin origin;
  auto operator<=>(const Version&) const = default;
};

// Per origin, the lseq up to which all of its changes are applied, without a hole. An origin that
// is not in the map is at 0.
class ProgressVector {
 public:
  Lseq Get(const Origin& origin) const {
    const auto it = map_.find(origin);
    return it == map_.end() ? Lseq(0) : it->second;
  }
  // Moves an origin forward to `to`; it never moves back.
  void Advance(const Origin& origin, Lseq to) {
    Lseq& at = map_[origin];
    if (at < to) at = to;
  }
  // True if everything that `other` has applied is applied here too.
  bool Covers(const ProgressVector& other) const {
    for (const auto& [origin, lseq] : other.map_)
      if (Get(origin) < lseq) return false;
    return true;
  }
  bool Covers(const Origin& origin, Lseq lseq) const { return lseq <= Get(origin); }

  const std::map<Origin, Lseq>& map() const { return map_; }
  bool operator==(const ProgressVector&) const = default;

 private:
  // Ordered, so that every node encodes equal vectors in the same way.
  std::map<Origin, Lseq> map_;
};

}  // namespace harmonylite::change
