// Claims a slot of ids in the registry, by compare-and-set, and watches that it stays this node's.
//
// The registry names the holder of each slot, under `ids.<block>.<slots>.<slot>`. A claim belongs
// to an origin: a new incarnation claims anew, because another file may go on as the former one. A
// slot is taken over when its holder writes no more, and everything that it wrote is applied here,
// because then this node knows which ids of it are used. If the registry has lost
// the entry of this node's slot, this node writes it again; if another node has claimed the slot
// meanwhile, this node claims another one.
//
// Source: docs/decisions/0037-ids-in-blocks.md. Threads: one owner at a time; in production the
// keeper thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "node/options.h"
#include "node/shared_state.h"
#include "node/step.h"
#include "ports/meta_store.h"

namespace harmonylite::node {

inline constexpr const char* kIdClaimPrefix = "ids.";
std::string IdClaimKey(const ledger::IdLayout& layout, int64_t slot);
std::string EncodeIdClaim(const Origin& holder);
// kCorruption: it is not a claim that this build can read.
Result<Origin> DecodeIdClaim(std::string_view text);

class IdClaims {
 public:
  struct Dependencies {  // none of the pointers is owned
    ports::MetaStore* store;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    ledger::IdLayout layout;
  };
  explicit IdClaims(const Dependencies& dependencies) : d_(dependencies) {}

  // Looks at the registry if the next look is due, and claims a slot if this node has none.
  StepResult Step();

 private:
  struct Slot {
    std::optional<Origin> holder;  // none: the slot is free, or `unknown`
    bool unknown = false;          // the entry cannot be read: a later build may have written it
    uint64_t revision = 0;         // 0: there is no entry
  };
  using Slots = std::vector<Slot>;

  std::optional<int64_t> Own() const;
  Slots Read(const std::map<std::string, ports::MetaEntry>& entries) const;
  // True if the slot is still this node's.
  Result<bool> Keep(int64_t slot, const Slots& slots);
  Status Claim(const Slots& slots);
  // The slots to try, best first.
  std::vector<int64_t> Candidates(const Slots& slots) const;
  Result<bool> Take(int64_t slot, const Slot& seen);
  // True if the origin writes no more. Whoever knows that has applied everything of it, because a
  // retirement comes with the batch that is applied after the origin's last change.
  // `*stated_by_itself` is false if another node says so, because the origin's node is silent.
  bool IsDone(const Origin& origin, const AppliedState& applied, bool* stated_by_itself) const;
  void FreeUnused(const Slots& slots);
  // True if no other process of this node, such as one with a copy of this file, has put a
  // heartbeat for so long that it would be heard.
  Result<bool> IsAlone();
  // Gives up this node's claims by other numbers, and names other nodes that claim by them.
  void LookAtOtherLayouts(const std::map<std::string, ports::MetaEntry>& entries);

  Dependencies d_;
  int64_t next_ms_ = 0;  // monotonic time of the next look
  // Monotonic time since which every look found this origin's own heartbeat; none: the last did
  // not.
  std::optional<int64_t> alone_since_ms_;
  std::set<std::string> others_;  // keys of other layouts that were complained about
};

}  // namespace harmonylite::node
