// Every write that the application was told is committed: what the nodes must show in the end.
//
// Written at each commit from what the triggers journaled and the rows they were about; the checkers hold the
// nodes' tables against it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "sim/picture.h"

namespace harmonylite::sim {

// A version (hlc, node) as ordered everywhere; incarnations aside, because a restored file takes a new one.
using VersionRank = std::pair<int64_t, uint64_t>;

struct Write {
  int64_t hlc = 0;
  int64_t lseq = 0;
  uint64_t node = 0;
  bool present = false;
  Image image;
  // The only file that had it was replaced by an older copy, or its COMMIT failed with the disk: it may be there or
  // not (P9).
  bool may_be_lost = false;
  int64_t who = 0;        // the life of the machine that wrote it
  Origin origin;          // … and as which its file counted then
  VersionRank replaced{};  // what the row's version was there before; nothing: none
};

class Ledger {
 public:
  using Writes = std::map<std::string, ByKey<std::vector<Write>>>;

  void Add(const std::string& table, const std::string& key, Write write) {
    writes_[table][key].push_back(std::move(write));
  }
  const Writes& writes() const { return writes_; }
  Writes& writes() { return writes_; }

  // Any entry of a journal that was committed, also one that a later entry of its transaction stands for.
  void NoteStamp(uint64_t node, int64_t who, int64_t lseq, int64_t hlc) {
    const Change change{node, lseq, hlc};
    if (first_.try_emplace(change, who).first->second != who) twice_.insert(change);
    newest_[who] = std::max(newest_[who], lseq);
  }
  // The newest entry that this life of a machine has committed.
  int64_t NewestOf(int64_t who) const {
    const auto it = newest_.find(who);
    return it == newest_.end() ? 0 : it->second;
  }
  // How many changes of two lives of one machine have the same number and the same stamp.
  int64_t GivenTwice() const { return static_cast<int64_t>(twice_.size()); }

  // Newest lseq that a life of a node has given out, as its commits showed.
  void NoteChange(const Origin& origin, int64_t lseq) {
    int64_t& last = last_[origin];
    if (last < lseq) last = lseq;
  }
  int64_t LastOf(const Origin& origin) const {
    const auto it = last_.find(origin);
    return it == last_.end() ? 0 : it->second;
  }

  // A merge wrote somebody else's row anew, which may win over what its writer did to it since: the price named in
  // docs/decisions/0020-forgetting-tombstones.md.
  void NoteAdopted(const std::string& table, const std::string& key) { adopted_.emplace(table, key); }
  bool Adopted(const std::string& table, const std::string& key) const { return adopted_.contains({table, key}); }
  const std::set<std::pair<std::string, std::string>>& adopted() const { return adopted_; }

  // `origin` is a new life of a file: what it counts after `base` was written in its former one.
  void NoteTakeOver(const Origin& origin, int64_t base) { taken_over_[origin] = base; }
  // `vector` names this write.
  bool Covers(const change::ProgressVector& vector, const Write& write) const {
    if (vector.Covers(write.origin, Lseq(write.lseq))) return true;
    for (const auto& [origin, base] : taken_over_)
      if (origin.node == write.origin.node && write.lseq > base && vector.Covers(origin, Lseq(write.lseq)))
        return true;
    return false;
  }

 private:
  using Change = std::tuple<uint64_t, int64_t, int64_t>;  // node, lseq, stamp

  Writes writes_;
  std::map<Change, int64_t> first_;  // which life gave it
  std::set<Change> twice_;
  std::map<int64_t, int64_t> newest_;  // by life
  std::map<Origin, int64_t> last_;
  std::map<Origin, int64_t> taken_over_;
  std::set<std::pair<std::string, std::string>> adopted_;  // table and key
};

inline VersionRank Rank(const Write& write) { return {write.hlc, write.node}; }
inline VersionRank Rank(const RowVersion& version) {
  return {version.hlc, version.origin.node.value};
}

// What a live row of this version was written as; null: nobody wrote it. Of several writes the last one: what a COMMIT
// that failed with the disk has not left in the file, a later write may repeat with the same stamp.
inline const Image* FindImage(const std::vector<Write>& writes, const RowVersion& version) {
  const auto write = std::find_if(writes.rbegin(), writes.rend(), [&](const Write& one) {
    return one.present && Rank(one) == Rank(version);
  });
  return write == writes.rend() ? nullptr : &write->image;
}

}  // namespace harmonylite::sim
