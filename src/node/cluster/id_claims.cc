#include "node/cluster/id_claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/mutant.h"
#include "node/cluster/heartbeat.h"

namespace harmonylite::node {

namespace {

using Entries = std::map<std::string, ports::MetaEntry>;

constexpr std::string_view kHead = "harmonylite-ids 1\nholder ";

std::string LayoutPrefix(const ledger::IdLayout& layout) {
  return fmt::format("{}{}.{}.", kIdClaimPrefix, layout.block, layout.slots);
}

// Takes a number, and the character `end` behind it, from the front of `text`.
template <typename Number>
bool TakeNumber(std::string_view* text, char end, Number* out) {
  const auto [rest, error] = std::from_chars(text->data(), text->data() + text->size(), *out);
  const auto length = static_cast<size_t>(rest - text->data());
  if (error != std::errc() || length >= text->size() || (*text)[length] != end) return false;
  text->remove_prefix(length + 1);
  return true;
}

}  // namespace

std::string IdClaimKey(const ledger::IdLayout& layout, int64_t slot) {
  return LayoutPrefix(layout) + std::to_string(slot);
}

std::string EncodeIdClaim(const Origin& holder) {
  return fmt::format("{}{} {}\n", kHead, holder.node.value, holder.incarnation.value);
}

Result<Origin> DecodeIdClaim(std::string_view text) {
  uint64_t node = 0;
  uint32_t incarnation = 0;
  const bool head = text.starts_with(kHead);
  if (head) text.remove_prefix(kHead.size());
  if (!head || !TakeNumber(&text, ' ', &node) || !TakeNumber(&text, '\n', &incarnation))
    return MakeError(ErrorCode::kCorruption, "it is not a claim of a slot of ids");
  return Origin{NodeId(node), Incarnation(incarnation)};
}

StepResult IdClaims::Step() {
  const int64_t now = d_.clock->MonotonicMs();
  if (now < next_ms_) return StepResult::Idle();
  auto entries = d_.store->Recent(kIdClaimPrefix);
  if (!entries.ok()) return StepResult::Blocked(entries.error().message());
  LookAtOtherLayouts(*entries);
  const Slots slots = Read(*entries);
  if (const auto slot = Own()) {
    auto kept = Keep(*slot, slots);
    if (!kept.ok()) return StepResult::Blocked(kept.error().message());
    next_ms_ = now + kHeartbeatMs;
    if (*kept) {
      auto alone = IsAlone();
      if (!alone.ok()) return StepResult::Blocked(alone.error().message());
      if (*alone) FreeUnused(slots);
      return StepResult::Idle();
    }
    d_.shared->claimed_ids().Update([](ClaimedIds& ids) { ++ids.lost_slots; });
    d_.logger->Warning(
        "the registry names another node for the ids of this one (slot {}): it has lost entries, or "
        "this node was silent for longer than the eviction horizon; this node goes on with other "
        "ids, and rows with the same id may have been made meanwhile, see 'harmonylite conflicts'",
        *slot);
  }
  if (Status claimed = Claim(slots); !claimed.ok())
    return StepResult::Blocked(claimed.error().message());
  return StepResult::Progress();
}

// The slot that this node has claimed, which the consumer may not have written into the file yet.
std::optional<int64_t> IdClaims::Own() const {
  const auto claim = d_.shared->claimed_ids().Get().claim;
  if (claim && claim->holder == d_.shared->self())
    return claim->share ? std::optional(claim->share->slot) : std::nullopt;
  const auto share = d_.shared->file_ids().Get().share;
  return share && share->claimed ? std::optional(share->slot) : std::nullopt;
}

IdClaims::Slots IdClaims::Read(const Entries& entries) const {
  Slots out(static_cast<size_t>(d_.layout.slots));
  for (int64_t slot = 0; slot < d_.layout.slots; ++slot) {
    const auto entry = entries.find(IdClaimKey(d_.layout, slot));
    if (entry == entries.end()) continue;
    auto holder = DecodeIdClaim(entry->second.value);
    const bool held = holder.ok() && *holder != ledger::kNobody;
    out[static_cast<size_t>(slot)] = {held ? std::optional(*holder) : std::nullopt, !holder.ok(),
                                      entry->second.revision};
  }
  return out;
}

// What was read may lag behind the registry, so that before the slot counts as lost, the registry
// itself is asked.
Result<bool> IdClaims::Keep(int64_t slot, const Slots& slots) {
  const Origin self = d_.shared->self();
  if (slots.at(static_cast<size_t>(slot)).holder == self) return true;
  const std::string key = IdClaimKey(d_.layout, slot);
  auto entry = d_.store->Get(key);
  if (!entry.ok() && entry.error().code() == ErrorCode::kNotFound) return Take(slot, {});
  if (!entry.ok()) return std::move(entry).error();
  const auto holder = DecodeIdClaim(entry->value);
  return holder.ok() && *holder == self;
}

Status IdClaims::Claim(const Slots& slots) {
  const Origin self = d_.shared->self();
  for (const int64_t slot : Candidates(slots)) {
    const Slot& seen = slots[static_cast<size_t>(slot)];
    HL_ASSIGN(const bool taken, Take(slot, seen));
    if (!taken) continue;
    d_.shared->claimed_ids().Update([&](ClaimedIds& ids) {
      ids.claim = {self, ledger::IdShare{d_.layout, slot, true}};
      ids.problem.clear();
    });
    d_.logger->Debug("this node gives out the ids of slot {}", slot);
    return Ok();
  }
  const std::string problem = fmt::format(
      "all {} slots of ids are held by other nodes, so that rows which two nodes insert at the same "
      "time may get the same id: set a greater [ids] slots on all nodes",
      d_.layout.slots);
  if (d_.shared->claimed_ids().Get().problem != problem) d_.logger->Warning("{}", problem);
  d_.shared->claimed_ids().Update([&](ClaimedIds& ids) {
    ids.claim = {self, std::nullopt};
    ids.problem = problem;
  });
  next_ms_ = d_.clock->MonotonicMs() + kHeartbeatMs;
  return Ok();
}

// First a slot that names this origin already, because a process that claimed it ended before it
// wrote it into the file; then that of a former incarnation; then the slot that the file has drawn;
// then the lowest free one; then those of other origins that write no more, those of nodes that say
// so themselves before those of nodes that are gone.
std::vector<int64_t> IdClaims::Candidates(const Slots& slots) const {
  const Origin self = d_.shared->self();
  const AppliedState applied = d_.shared->applied();
  const auto drawn = d_.shared->file_ids().Get().share;
  std::vector<std::pair<int, int64_t>> ranked;
  for (int64_t slot = 0; slot < d_.layout.slots; ++slot) {
    const Slot& seen = slots[static_cast<size_t>(slot)];
    bool stated_by_itself = false;
    if (HL_MUTANT(id_slot_shared))
      ranked.emplace_back(0, slot);
    else if (seen.unknown)
      continue;
    else if (seen.holder == self)
      ranked.emplace_back(0, slot);
    else if (!seen.holder)
      ranked.emplace_back(drawn && !drawn->claimed && drawn->slot == slot ? 2 : 3, slot);
    else if (IsDone(*seen.holder, applied, &stated_by_itself))
      ranked.emplace_back(seen.holder->node == self.node ? 1 : stated_by_itself ? 4 : 5, slot);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<int64_t> out;
  for (const auto& [rank, slot] : ranked) out.push_back(slot);
  return out;
}

Result<bool> IdClaims::Take(int64_t slot, const Slot& seen) {
  const Origin self = d_.shared->self();
  if (seen.holder == self || HL_MUTANT(id_slot_shared)) return true;
  const std::string key = IdClaimKey(d_.layout, slot);
  auto put = d_.store->CompareAndSet(key, EncodeIdClaim(self), seen.revision);
  if (put.ok()) return true;
  if (put.error().code() != ErrorCode::kConflict) return std::move(put).error();
  // The registry is ahead of what was read, perhaps by this node's own claim.
  HL_ASSIGN(const auto entry, d_.store->Get(key));
  const auto holder = DecodeIdClaim(entry.value);
  return holder.ok() && *holder == self;
}

bool IdClaims::IsDone(const Origin& origin, const AppliedState& applied,
                      bool* stated_by_itself) const {
  if (HL_MUTANT(id_slot_taken_alive)) return true;
  const auto& known = applied.retirements->Of(origin);
  *stated_by_itself = std::any_of(known.begin(), known.end(), [&](const change::Retirement& one) {
    return one.by.node == origin.node;
  });
  if (*stated_by_itself) return true;
  // A node that others took for gone may have come back, and then goes on under the same origin.
  const auto members = d_.shared->membership().members;
  const auto member = members.find(origin.node);
  return !known.empty() && member != members.end() && member->second.evicted;
}

// Frees the slots of this node's former incarnations that have sent nothing, as after each restart
// of a machine whose application does not write: nobody ever says that they write no more. That
// they have sent nothing is certain once the log is read to its end.
void IdClaims::FreeUnused(const Slots& slots) {
  const AppliedState applied = d_.shared->applied();
  if (applied.self != d_.shared->self() || !applied.caught_up || applied.dropped ||
      !applied.holds.empty() || d_.shared->log_gap())
    return;
  const Origin self = d_.shared->self();
  for (int64_t slot = 0; slot < d_.layout.slots; ++slot) {
    const Slot& seen = slots[static_cast<size_t>(slot)];
    if (!seen.holder || seen.holder->node != self.node || *seen.holder == self) continue;
    const bool sent = applied.progress.Get(*seen.holder) > Lseq(0) ||
                      !applied.retirements->Of(*seen.holder).empty();
    if (sent) continue;
    // If this fails, a later look frees the slot.
    (void)d_.store->CompareAndSet(IdClaimKey(d_.layout, slot), EncodeIdClaim(ledger::kNobody),
                                  seen.revision);
  }
}

Result<bool> IdClaims::IsAlone() {
  const Origin self = d_.shared->self();
  auto entry = d_.store->RecentEntry(HeartbeatKey(self.node));
  if (!entry.ok() && entry.error().code() != ErrorCode::kNotFound) return std::move(entry).error();
  bool own = false;
  if (entry.ok()) {
    const auto heartbeat = DecodeHeartbeat(entry->value);
    own = heartbeat.ok() && heartbeat->origin == self;
  }
  const int64_t now = d_.clock->MonotonicMs();
  if (!own) alone_since_ms_.reset();
  if (own && !alone_since_ms_) alone_since_ms_ = now;
  return own && now - *alone_since_ms_ >= kPeerSilentMs;
}

// Nodes with other numbers claim slots under other keys, and their ids overlap with this node's.
void IdClaims::LookAtOtherLayouts(const Entries& entries) {
  const std::string own = LayoutPrefix(d_.layout);
  const auto members = d_.shared->membership().members;
  for (const auto& [key, entry] : entries) {
    if (key.starts_with(own) || others_.contains(key)) continue;
    const auto holder = DecodeIdClaim(entry.value);
    if (!holder.ok()) continue;
    if (holder->node == d_.shared->self().node) {
      // If this fails, a later look does it.
      (void)d_.store->CompareAndSet(key, EncodeIdClaim(ledger::kNobody), entry.revision);
      continue;
    }
    const auto member = members.find(holder->node);
    if (member == members.end() || member->second.evicted) continue;
    others_.insert(key);
    d_.logger->Warning(
        "node {} shares out ids by other numbers ({}) than this node ([ids] block = {}, slots = "
        "{}): rows may get the same id; set the same numbers on all nodes",
        holder->node.value, key, d_.layout.block, d_.layout.slots);
  }
}

}  // namespace harmonylite::node
