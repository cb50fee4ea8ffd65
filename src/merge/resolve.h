// Who wins when two writes of one row meet. Pure: a function of the versions alone (P4).
//
// Last writer wins over a total order of versions, which makes merging commutative, associative and
// idempotent. Whether two writes knew each other follows from progress vectors (see "Version Vectors",
// Parker et al. 1983, with one entry per origin).
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/mutant.h"
#include "change/version.h"

namespace harmonylite::merge {

struct LocalVersion {
  change::Version version;
  Lseq lseq;  // of its origin
};

enum class Outcome {
  kIncomingWins,
  kLocalWins,
  kSame,  // the very same write: had it
};

struct Decision {
  Outcome outcome;
  // Neither writer had seen the other's write: the loser is a conflict.
  bool concurrent;
};

// `local`: nothing for a row this node has no version of. `incoming_seen`: what the incoming write's
// sender had applied. A local write that wins always knew the incoming one or is concurrent with it;
// `local_seen_incoming` says which.
inline Decision Resolve(const std::optional<LocalVersion>& local, const change::Version& incoming,
                        const change::ProgressVector& incoming_seen, bool local_seen_incoming) {
  if (!local || HL_MUTANT(compare_removed)) return {Outcome::kIncomingWins, false};
  if (HL_MUTANT(tie_by_arrival) && local->version.hlc == incoming.hlc) return {Outcome::kLocalWins, false};
  if (local->version == incoming) return {Outcome::kSame, false};
  const bool same_origin = local->version.origin == incoming.origin;
  if ((local->version < incoming) != HL_MUTANT(older_wins))
    return {Outcome::kIncomingWins,
            !same_origin && !incoming_seen.Covers(local->version.origin, local->lseq)};
  return {Outcome::kLocalWins, !same_origin && !local_seen_incoming};
}

}  // namespace harmonylite::merge
