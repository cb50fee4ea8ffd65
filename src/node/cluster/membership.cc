#include "node/cluster/membership.h"

#include <algorithm>

#include "node/options.h"

namespace harmonylite::node {

using change::ProgressVector;

Membership::Membership(int64_t horizon_ms, ledger::Members known)
    : horizon_ms_(horizon_ms), members_(std::move(known)) {}

void Membership::Hear(const Heartbeat& heartbeat, int64_t now_ms, int64_t wall_ms) {
  const NodeId node = heartbeat.origin.node;
  Heard& heard = heard_[node];
  heard.at_ms = now_ms;
  // Facts about a former incarnation of the node say nothing about this one.
  if (heard.confirmed && heard.confirmed->origin != heartbeat.origin) heard.confirmed.reset();
  if (heard.waiting && heard.waiting->origin != heartbeat.origin) heard.waiting.reset();
  if (heartbeat.journaled)
    heard.newest = Fact{heartbeat.origin, *heartbeat.journaled, heartbeat.progress};
  members_[node].heard_ms = wall_ms;
}

void Membership::Confirm(const change::Knowledge& ours, Heard* heard) {
  const auto have = [&](const Fact& fact) {
    return ours.Covers(fact.origin, fact.journaled) && ours.Covers(fact.progress);
  };
  // Two rounds: once the waiting fact is confirmed, the newest one may be confirmed as well.
  for (int i = 0; i < 2; ++i) {
    if (!heard->waiting) heard->waiting = std::exchange(heard->newest, std::nullopt);
    if (!heard->waiting || !have(*heard->waiting)) return;
    heard->confirmed = std::exchange(heard->waiting, std::nullopt);
  }
}

std::optional<ProgressVector> Membership::Stable(const ProgressVector& progress,
                                                 const change::Retirements& retirements,
                                                 const Origin& self) const {
  ProgressVector stable = progress;
  // This node has all of its own changes. How many of them are published is for the consumer to
  // check.
  stable.Advance(self, Lseq(INT64_MAX));
  for (const auto& [node, member] : members_) {
    if (member.evicted || node == self.node) continue;
    const auto heard = heard_.find(node);
    if (heard == heard_.end() || !heard->second.confirmed) return std::nullopt;
    const Fact& fact = *heard->second.confirmed;
    const change::Knowledge theirs(fact.progress, retirements, fact.origin, Lseq(INT64_MAX));
    ProgressVector least;
    for (const auto& [origin, lseq] : stable.map())
      least.Advance(origin, std::min(lseq, theirs.Get(origin)));
    stable = std::move(least);
  }
  return stable;
}

MembershipReport Membership::Weigh(const ProgressVector& progress,
                                   const change::Retirements& retirements, const Origin& self,
                                   int64_t now_ms, int64_t wall_ms, std::vector<Event>* events) {
  const change::Knowledge ours(progress, retirements, self, Lseq(INT64_MAX));
  if (!listening_since_ms_) listening_since_ms_ = now_ms;
  for (auto& [node, heard] : heard_) Confirm(ours, &heard);
  const bool listened =
      now_ms - *listening_since_ms_ >= std::min(kListenBeforeEvictingMs, horizon_ms_);
  for (auto& [node, member] : members_) {
    const auto heard = heard_.find(node);
    // A member that was not heard in this process is measured by the wall clock, from the file's
    // time.
    const int64_t silent =
        heard != heard_.end() ? now_ms - heard->second.at_ms : wall_ms - member.heard_ms;
    const bool evicted = silent > horizon_ms_ ? member.evicted || listened : false;
    // An evicted node comes back only when it is heard, not because the wall clock was set back.
    if (!evicted && member.evicted && heard == heard_.end()) continue;
    if (evicted != member.evicted && node != self.node) events->push_back({node, evicted});
    member.evicted = evicted;
  }
  MembershipReport report{members_, std::nullopt};
  report.members.erase(self.node);
  if (listened) report.stable = Stable(progress, retirements, self);
  return report;
}

}  // namespace harmonylite::node
