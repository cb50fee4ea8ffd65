// Who belongs to the cluster, and what all of them have: which tombstones nobody needs any more.
//
// A member is a node whose heartbeat was heard within the horizon. What a heartbeat says about a
// member's life stays true, so it may be weighed later, when this node has caught up with it. Why:
// docs/decisions/0020-forgetting-tombstones.md. Pure: no clock, no store.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "change/version.h"
#include "node/cluster/heartbeat.h"
#include "node/membership_report.h"

namespace harmonylite::node {

class Membership {
 public:
  // `known`: from the file.
  Membership(int64_t horizon_ms, ledger::Members known);

  // A heartbeat whose registry entry moved while we watched: its node lives.
  void Hear(const Heartbeat& heartbeat, int64_t now_ms, int64_t wall_ms);
  // The registry did not answer: who is silent cannot be told until we have listened again for a
  // while.
  void Deaf() { listening_since_ms_.reset(); }

  struct Event {
    NodeId node;
    bool evicted;  // or back
  };
  // `progress`: what is applied here. Call after Hear, whenever the registry was read.
  MembershipReport Weigh(const change::ProgressVector& progress, const Origin& self, int64_t now_ms,
                         int64_t wall_ms, std::vector<Event>* events);

 private:
  struct Fact {
    Origin origin;
    Lseq journaled;
    change::ProgressVector progress;
  };
  struct Heard {
    int64_t at_ms = 0;              // monotonic
    std::optional<Fact> newest;     // not weighed yet
    std::optional<Fact> waiting;    // of which we lack something so far
    std::optional<Fact> confirmed;  // we have all that it names
  };
  void Confirm(const change::ProgressVector& progress, const Origin& self, Heard* heard);
  std::optional<change::ProgressVector> Stable(const change::ProgressVector& progress,
                                               const Origin& self) const;

  int64_t horizon_ms_;
  ledger::Members members_;
  std::map<NodeId, Heard> heard_;  // in this process
  std::optional<int64_t> listening_since_ms_;
};

}  // namespace harmonylite::node
