// The ledger: every write that was reported to an application as committed, and therefore all that
// the nodes may show, and must show in the end (P7).
//
// Each App adds to it when it commits, from the journal entries of its triggers and the rows that
// they are about. The checkers compare the nodes' tables with it. One ledger serves all nodes of a
// history.
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

// The rank of a version, (hlc, node), which decides who wins (P4). The incarnation is left out,
// because a restored file takes a new one for changes that it has already.
using VersionRank = std::pair<int64_t, uint64_t>;

struct Write {
  int64_t hlc = 0;
  int64_t lseq = 0;
  uint64_t node = 0;
  bool present = false;
  Image image;
  // True if the only file that had this write was replaced by an older one, or if its COMMIT failed
  // with the disk. Such a write may be shown or not (P9).
  bool may_be_lost = false;
  int64_t who = 0;  // the machine and its life that wrote it: SimNode::who()
  Origin origin;    // the origin under which the machine's file counted then
  // True if SQLite gave out the row's id in this write, and the registry had named this node as the
  // holder of that id's slot.
  bool own_id = false;
  VersionRank replaced{};  // the version that the row had there before; zero: none
};

class Ledger {
 public:
  using Writes = std::map<std::string, ByKey<std::vector<Write>>>;

  void Add(const std::string& table, const std::string& key, Write write) {
    writes_[table][key].push_back(std::move(write));
  }
  const Writes& writes() const { return writes_; }
  Writes& writes() { return writes_; }

  // Records the number and the stamp of a committed journal entry. This includes entries that a
  // later entry of the same transaction replaces.
  void NoteStamp(uint64_t node, int64_t who, int64_t lseq, int64_t hlc) {
    const Change change{node, lseq, hlc};
    if (first_.try_emplace(change, who).first->second != who) twice_.insert(change);
    const std::pair number{node, lseq};
    if (numbers_.try_emplace(number, who).first->second != who) contested_.insert(number);
    newest_[who] = std::max(newest_[who], lseq);
  }
  // True if another life of the machine has given the write's number to a change, too. A vector
  // that covers the number may then stand for either.
  bool Contested(const Write& write) const { return contested_.contains({write.node, write.lseq}); }
  // The number of the newest journal entry that this life of a machine has committed.
  int64_t NewestOf(int64_t who) const {
    const auto it = newest_.find(who);
    return it == newest_.end() ? 0 : it->second;
  }
  // How many changes of two lives of one machine have the same number and the same stamp.
  int64_t GivenTwice() const { return static_cast<int64_t>(twice_.size()); }

  // Records that `origin` has written changes up to `lseq`. LastOf() gives the newest one recorded.
  void NoteChange(const Origin& origin, int64_t lseq) {
    int64_t& last = last_[origin];
    if (last < lseq) last = lseq;
  }
  int64_t LastOf(const Origin& origin) const {
    const auto it = last_.find(origin);
    return it == last_.end() ? 0 : it->second;
  }

  // Records that the registry has lost entries. Ids that are given out from then on may be given
  // out twice.
  void NoteRegistryLost() { registry_lost_ = true; }
  bool registry_lost() const { return registry_lost_; }

  // Records that some node took this one for gone. Its slot of ids may then be taken over, while it
  // goes on giving them out.
  void NoteGone(uint64_t node) { gone_.insert(node); }
  bool WasGone(uint64_t node) const { return gone_.contains(node); }

  // Records that a merge has written another node's row anew. Such a row may win over what its
  // writer did to it since: this is the price that docs/decisions/0020-forgetting-tombstones.md
  // names.
  void NoteAdopted(const std::string& table, const std::string& key) {
    adopted_.emplace(table, key);
  }
  bool Adopted(const std::string& table, const std::string& key) const {
    return adopted_.contains({table, key});
  }
  const std::set<std::pair<std::string, std::string>>& adopted() const { return adopted_; }

  // Records that `origin` is a new incarnation of a file. Changes of the former one after number
  // `base` count from then on as changes of `origin`.
  void NoteTakeOver(const Origin& origin, int64_t base) { taken_over_[origin] = base; }
  // True if `vector` covers the write, under the origin that wrote it or under one that took it
  // over.
  bool Covers(const change::ProgressVector& vector, const Write& write) const {
    if (vector.Covers(write.origin, Lseq(write.lseq))) return true;
    for (const auto& [origin, base] : taken_over_)
      if (origin.node == write.origin.node && write.lseq > base &&
          vector.Covers(origin, Lseq(write.lseq)))
        return true;
    return false;
  }

 private:
  using Change = std::tuple<uint64_t, int64_t, int64_t>;  // node, lseq, stamp

  bool registry_lost_ = false;
  std::set<uint64_t> gone_;
  Writes writes_;                    // by table and key, in the order of their commits
  std::map<Change, int64_t> first_;  // the life that gave each change first
  std::set<Change> twice_;           // changes that two lives of one machine gave
  std::map<std::pair<uint64_t, int64_t>, int64_t> numbers_;  // the life that gave each number first
  std::set<std::pair<uint64_t, int64_t>> contested_;         // numbers that several lives gave
  std::map<int64_t, int64_t> newest_;                        // the newest entry of each life
  std::map<Origin, int64_t> last_;
  std::map<Origin, int64_t> taken_over_;  // the base of each origin that took over a former one
  std::set<std::pair<std::string, std::string>> adopted_;  // table and key
};

inline VersionRank Rank(const Write& write) { return {write.hlc, write.node}; }
inline VersionRank Rank(const RowVersion& version) {
  return {version.hlc, version.origin.node.value};
}

// The row that was written under `version`; null if nobody wrote a row under it. The last write of
// that version counts: if a COMMIT failed with the disk and left nothing in the file, a later write
// may have got the same stamp.
inline const Image* FindImage(const std::vector<Write>& writes, const RowVersion& version) {
  const auto write = std::find_if(writes.rbegin(), writes.rend(), [&](const Write& one) {
    return one.present && Rank(one) == Rank(version);
  });
  return write == writes.rend() ? nullptr : &write->image;
}

}  // namespace harmonylite::sim
