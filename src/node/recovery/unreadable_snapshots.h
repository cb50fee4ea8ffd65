// The snapshots that this node could not read, though they may be good: a replica of the store
// lacks parts of them, or nothing comes. Each is left alone for a while, so that others have their
// turn, and then tried again.
//
// Threads: one owner at a time. Times are monotonic, in milliseconds.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "node/options.h"

namespace harmonylite::node {

class UnreadableSnapshots {
 public:
  // Returns what to tell the operator.
  const std::string& Note(const std::string& name, const std::string& why, int64_t now) {
    until_[name] = now + kUnreadableMs;
    return text_ = fmt::format("snapshot {} cannot be read now: {}; another one is tried, or asked "
                               "for, and this one again in {} s",
                               name, why, kUnreadableMs / 1000);
  }
  // Of the newest Note.
  const std::string& text() const { return text_; }
  bool LeftAlone(const std::string& name, int64_t now) const {
    const auto it = until_.find(name);
    return it != until_.end() && now < it->second;
  }
  bool any() const { return !until_.empty(); }
  // Whether the others may be asked for another one now, which then counts as asked. Each is work
  // for its maker, and none helps while it is this node that cannot read, with its disk full.
  bool MayAsk(int64_t now) {
    if (now < ask_again_ms_) return false;
    ask_again_ms_ = now + wait_ms_;
    wait_ms_ = std::min(2 * wait_ms_, kUnreadableMostMs);
    return true;
  }

 private:
  std::map<std::string, int64_t> until_;
  std::string text_;
  int64_t ask_again_ms_ = 0;
  int64_t wait_ms_ = kUnreadableMs;
};

}  // namespace harmonylite::node
