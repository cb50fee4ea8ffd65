#include "node/replication/catch_up.h"

#include <fmt/format.h>

#include "base/mutant.h"
#include "ledger/fingerprint.h"

namespace harmonylite::node {

// Before the log is read, nothing is said of what does not come, and nobody gives up.
CatchUp::Verdict CatchUp::Look(const change::ProgressVector& reach, const Standing& standing) {
  if (HL_MUTANT(catch_up_ends_at_once)) return Verdict::kDone;
  const bool read = standing.log_read || (log_end_ && *log_end_ < standing.next);
  if (!read) {
    still_since_ms_.reset();
    why_ = "the log is not read yet";
    return Verdict::kNotYet;
  }
  why_ = Missing(reach, standing);
  if (why_.empty()) return Verdict::kDone;
  Moved moved{*standing.progress, standing.schema};
  const bool no_tables = moved.schema == ledger::kNoTables;
  if (!still_since_ms_ || moved != moved_ || no_tables) still_since_ms_ = standing.now_ms;
  moved_ = std::move(moved);
  return standing.now_ms - *still_since_ms_ < kCatchUpPatienceMs ? Verdict::kNotYet
                                                                 : Verdict::kGivesUp;
}

std::string CatchUp::Missing(const change::ProgressVector& reach, const Standing& standing) const {
  if (!standing.held.empty()) return "changes of the cluster wait: " + standing.held;
  for (const auto& [origin, lseq] : reach.map())
    if (!standing.knowledge->Covers(origin, lseq))
      return fmt::format("changes {} to {} of node {} have not come",
                         standing.knowledge->Get(origin).value + 1, lseq.value, ToString(origin));
  return {};
}

}  // namespace harmonylite::node
