// Versions, progress vectors and what they say about each other.
#pragma once

#include <map>

#include "base/ids.h"

namespace harmonylite::change {

// Of the last write to a row. A total order: the greater one wins, everywhere (P4).
struct Version {
  Hlc hlc;  // 0: from before HarmonyLite
  Origin origin;
  auto operator<=>(const Version&) const = default;
};

// Per origin, up to which lseq its changes are applied, without a hole. An absent origin is at 0.
class ProgressVector {
 public:
  Lseq Get(const Origin& origin) const {
    const auto it = map_.find(origin);
    return it == map_.end() ? Lseq(0) : it->second;
  }
  // Only ever moves forward.
  void Advance(const Origin& origin, Lseq to) {
    Lseq& at = map_[origin];
    if (at < to) at = to;
  }
  // Everything `other` has, this has.
  bool Covers(const ProgressVector& other) const {
    for (const auto& [origin, lseq] : other.map_)
      if (Get(origin) < lseq) return false;
    return true;
  }
  bool Covers(const Origin& origin, Lseq lseq) const { return lseq <= Get(origin); }

  const std::map<Origin, Lseq>& map() const { return map_; }
  bool operator==(const ProgressVector&) const = default;

 private:
  std::map<Origin, Lseq> map_;  // ordered: encodings are the same on every node
};

}  // namespace harmonylite::change
