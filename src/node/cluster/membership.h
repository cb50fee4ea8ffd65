// Keeps the members of the cluster, and finds out what all of them have applied. Tombstones that
// all members have applied may be forgotten.
//
// A member is a node whose heartbeat was heard within the eviction horizon. The membership is only
// a guess: a node that was left out may return, and the rules of replication keep the tables right
// even then (P5). A wrong guess only costs the returning node a snapshot.
//
// A heartbeat states a fact: when the member's newest own change was `journaled`, it had applied
// `progress`, and whatever it journals later is stamped above everything in there. This node may
// use the fact once it has applied all that the fact names, because then no older write of that
// member can still arrive. A fact stays true, so it may be kept and used late.
//
// Source: docs/decisions/0020-forgetting-tombstones.md. Threads: one owner at a time; in production
// the keeper. The class reads no clock and no store.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "change/retirements.h"
#include "change/version.h"
#include "node/cluster/heartbeat.h"
#include "node/membership_report.h"

namespace harmonylite::node {

class Membership {
 public:
  // `horizon_ms`: a node that was not heard for longer is evicted. `known`: the members that the
  // file has saved.
  Membership(int64_t horizon_ms, ledger::Members known);

  // Takes a heartbeat whose registry entry changed while this process watched, which shows that its
  // node is alive. `now_ms` is monotonic time.
  void Hear(const Heartbeat& heartbeat, int64_t now_ms, int64_t wall_ms);
  // Called when the registry did not answer. A node that seems silent may then only be unheard, so
  // no node is evicted until the registry has been read for kListenBeforeEvictingMs again.
  void Deaf() { listening_since_ms_.reset(); }

  struct Event {
    NodeId node;
    bool evicted;  // true: the node was evicted; false: it is back
  };
  // Decides who is a member, and what all members have applied. Call whenever the registry was
  // read, after Hear(). `progress` is what is applied here, and `retirements` are those that
  // this node knows. Appends to `events` each other node that was evicted or came back.
  MembershipReport Weigh(const change::ProgressVector& progress,
                         const change::Retirements& retirements, const Origin& self, int64_t now_ms,
                         int64_t wall_ms, std::vector<Event>* events);

 private:
  // What one heartbeat states about its node; see the head of this file.
  struct Fact {
    Origin origin;
    Lseq journaled;
    change::ProgressVector progress;
  };
  // What was heard of one node. A fact waits in `waiting` until this node has applied all that it
  // names, and newer facts do not replace it meanwhile: each of them names more, so a busy member
  // would otherwise never be confirmed.
  struct Heard {
    int64_t at_ms = 0;              // monotonic time of the last heartbeat
    std::optional<Fact> newest;     // the newest fact, until it moves to `waiting`
    std::optional<Fact> waiting;    // a fact that names changes which are not applied here yet
    std::optional<Fact> confirmed;  // the newest fact of which everything is applied here
  };
  // Moves the facts of one node as far as what is applied here permits.
  void Confirm(const change::Knowledge& ours, Heard* heard);
  // What this node and all members have applied; none if a member has no confirmed fact.
  std::optional<change::ProgressVector> Stable(const change::ProgressVector& progress,
                                               const change::Retirements& retirements,
                                               const Origin& self) const;

  int64_t horizon_ms_;
  ledger::Members members_;
  std::map<NodeId, Heard> heard_;  // nodes that were heard since this process started
  // Monotonic time since which the registry was read without a failure; none: it has not been read.
  std::optional<int64_t> listening_since_ms_;
};

}  // namespace harmonylite::node
