// Remembers the snapshots that this node could not read although they may be good: a replica of the
// store lacks parts of them, or no data arrives. Each is left alone for a while, so that others
// have their turn, and is then tried again.
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
  // Notes that a snapshot could not be read; returns the text for the operator.
  const std::string& Note(const std::string& name, const std::string& why, int64_t now) {
    until_[name] = now + kUnreadableMs;
    return text_ = fmt::format(
               "snapshot {} cannot be read now: {}; another one is tried, or asked "
               "for, and this one again in {} s",
               name, why, kUnreadableMs / 1000);
  }
  // The text that the newest call of Note returned.
  const std::string& text() const { return text_; }
  // True if the snapshot could not be read a short while ago.
  bool LeftAlone(const std::string& name, int64_t now) const {
    const auto it = until_.find(name);
    return it != until_.end() && now < it->second;
  }
  // True if any snapshot could not be read.
  bool any() const { return !until_.empty(); }
  // True if the other nodes may be asked for another snapshot now; the call then counts as a
  // request. The pause between requests doubles, because each is work for its maker, and none helps
  // if the cause is this node, for example its full disk.
  bool MayAsk(int64_t now) {
    if (now < ask_again_ms_) return false;
    ask_again_ms_ = now + wait_ms_;
    wait_ms_ = std::min(2 * wait_ms_, kUnreadableMostMs);
    return true;
  }

 private:
  // Until when each snapshot is left alone.
  std::map<std::string, int64_t> until_;
  std::string text_;
  int64_t ask_again_ms_ = 0;
  int64_t wait_ms_ = kUnreadableMs;
};

}  // namespace harmonylite::node
