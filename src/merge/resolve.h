// Decides which of two writes of one row wins. Pure: a function of the versions alone (P4).
//
// The last writer wins, by a total order of versions, which makes merging commutative, associative
// and idempotent (docs/convergence.md, "Merging"). Whether the two writers knew of each other's
// write follows from progress vectors, which are version vectors with one entry per origin (Parker
// et al., "Detection of Mutual Inconsistency in Distributed Systems", 1983).
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/mutant.h"
#include "change/retirements.h"
#include "change/version.h"

namespace harmonylite::merge {

struct LocalVersion {
  change::Version version;
  Lseq lseq;  // The write's number in its origin's own count.
};

enum class Outcome {
  kIncomingWins,
  kLocalWins,
  kSame,  // The two are one write, which arrived again.
};

struct Decision {
  Outcome outcome;
  // True if neither writer had seen the other's write; the losing write is then a conflict.
  bool concurrent;
};

// `local` is empty if this node has no version of the row. `incoming_seen` is what the incoming
// write's sender had applied. `local_seen_incoming` says whether this node's progress covers the
// incoming write. If the local write wins, it was either made in the knowledge of the incoming one
// or concurrently with it, and `local_seen_incoming` tells which. If the incoming write wins,
// `incoming_seen` tells the same about its sender.
inline Decision Resolve(const std::optional<LocalVersion>& local, const change::Version& incoming,
                        const change::Knowledge& incoming_seen, bool local_seen_incoming) {
  if (!local || HL_MUTANT(compare_removed)) return {Outcome::kIncomingWins, false};
  if (HL_MUTANT(tie_by_arrival) && local->version.hlc == incoming.hlc)
    return {Outcome::kLocalWins, false};
  if (local->version == incoming) return {Outcome::kSame, false};
  const bool same_origin = local->version.origin == incoming.origin;
  if ((local->version < incoming) != HL_MUTANT(older_wins))
    return {Outcome::kIncomingWins,
            !same_origin && !incoming_seen.Covers(local->version.origin, local->lseq)};
  return {Outcome::kLocalWins, !same_origin && !local_seen_incoming};
}

}  // namespace harmonylite::merge
