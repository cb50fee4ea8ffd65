// Retiring origins that write no more. See replica.h; the rules and their proof are in
// docs/decisions/0034-retired-origins.md.
#include <algorithm>

#include "base/mutant.h"
#include "capture/journal.h"
#include "ledger/retirement_table.h"
#include "ledger/tombstones.h"
#include "node/replication/replica.h"

namespace harmonylite::node {

using change::Retirement;
using sqlite::TransactionKind;

namespace {

// True if this node is the one that states the retirement of nodes that are gone: the member with
// the smallest node id. Two nodes that both take themselves for it do no harm.
bool SpeaksForTheGone(const ledger::Members& members, NodeId self) {
  return std::all_of(members.begin(), members.end(),
                     [&](const auto& entry) { return entry.second.evicted || self < entry.first; });
}

bool IsGone(const ledger::Members& members, NodeId node) {
  const auto member = members.find(node);
  return member != members.end() && member->second.evicted;
}

}  // namespace

// The origins that write no more and of which every member has all that is known here: former
// incarnations of this node, and incarnations of nodes that are gone.
std::vector<Retirement> Replica::NewRetirements(const ledger::Members& members,
                                                const change::ProgressVector& stable) const {
  std::vector<Retirement> out;
  if (!options_.publish) return out;
  const bool speaks = SpeaksForTheGone(members, state_.self.node);
  const change::Knowledge everybody(stable, *retirements_);
  for (const auto& [origin, last] : progress_.map()) {
    const bool ended = origin.node == state_.self.node || (speaks && IsGone(members, origin.node));
    if (!ended || last == Lseq(0) || !everybody.Covers(origin, last)) continue;
    const std::vector<Retirement>& known = retirements_->Of(origin);
    if (std::any_of(known.begin(), known.end(),
                    [&, last = last](const Retirement& one) { return one.last >= last; }))
      continue;
    out.push_back({origin, last, state_.self, Lseq(0)});
  }
  return out;
}

// A retirement says that whoever has change `at` of this node has the retired origin up to `last`.
// That is true of each change that is journaled after this transaction, because the batch which
// brings it names what is applied here now. So `at` is the number of the next entry.
Status Replica::StateRetirements(const std::vector<Retirement>& retirements) {
  HL_ASSIGN(auto transaction, BeginOnAnySchema(TransactionKind::kUpkeep));
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db_));
  auto known = std::make_shared<change::Retirements>(*retirements_);
  for (Retirement one : retirements) {
    one.at = Lseq(end.last.value + (HL_MUTANT(retired_by_the_past) ? 0 : 1));
    HL_TRY(ledger::SaveRetirement(db_, &origins_, one));
    known->Add(one);
  }
  HL_TRY(Commit(&transaction, state_));
  retirements_ = std::move(known);
  return Ok();
}

// The retirement by which an origin can be left out of the progress vector; none: it cannot be.
//
// Every member has the change that states it, so that no member's vector or batch is taken for one
// that lacks the origin's changes. The change is named by this vector, or is this node's own and
// published. And no tombstone of the origin is left, because Collect() forgets those of origins
// that the vector names.
Result<std::optional<Retirement>> Replica::RetirementOf(const Origin& origin, Lseq last,
                                                        const change::ProgressVector& stable) {
  for (const Retirement& one : retirements_->Of(origin)) {
    const Lseq stated = one.by == state_.self ? saved_state_.published_to : progress_.Get(one.by);
    const bool everywhere = stable.Get(one.by) >= one.at;
    if (one.last < last || stated < one.at || !everywhere) continue;
    HL_ASSIGN(const bool any, ledger::HasTombstones(db_, catalog_, origins_, origin));
    if (!any) return std::optional(one);
  }
  return std::optional<Retirement>();
}

Status Replica::RetireOrigins(const ledger::Members& members,
                              const change::ProgressVector& stable) {
  const std::vector<Retirement> fresh = NewRetirements(members, stable);
  if (!fresh.empty()) HL_TRY(StateRetirements(fresh));
  for (const auto& [origin, last] : std::map(progress_.map())) {
    HL_ASSIGN(const auto retirement, RetirementOf(origin, last, stable));
    if (!retirement) continue;
    HL_ASSIGN(auto transaction, BeginOnAnySchema(TransactionKind::kUpkeep));
    HL_TRY(ledger::Retire(db_, origins_, *retirement));
    HL_ASSIGN(auto progress, ledger::LoadProgress(db_, origins_));
    HL_ASSIGN(auto collected, ledger::LoadCollected(db_, origins_));
    HL_ASSIGN(auto known, ledger::LoadRetirements(db_, origins_));
    HL_TRY(Commit(&transaction, state_));
    progress_ = std::move(progress);
    collected_ = std::move(collected);
    retirements_ = std::make_shared<const change::Retirements>(std::move(known));
  }
  return Ok();
}

}  // namespace harmonylite::node
