// The first join: a file is compared with the cluster before it takes part. Rows from before
// HarmonyLite are never sent by themselves, so what only one side has must be journaled there, and
// where both have a row that differs, one of them must give way. Until that is settled, nothing is
// sent or applied; the application goes on, and its changes are journaled (P1, P7).
// docs/decisions/0023-first-join.md, docs/decisions/0036-first-join-merges.md
//
// States (legal moves):
//   waiting    → taking part  the node is the first one; or it was compared, and what differed is
//                             merged or decided
//   waiting    → reported     rows differ, and the operator is asked (FirstJoin::kAsk)
//   reported   → waiting      after kCompareAgainMs, or when the operator decides
//   waiting    → catching up  with FirstJoin::kMerge, in place of the above: what differed is
//                             merged, or the file had no rows and no node runs that it could be
//                             compared with (it is uncompared then)
//   (attached) → catching up  with FirstJoin::kMerge, a file that has no tables
//   catching up → taking part the consumer has applied what the other node had, and what the log
//                             held (node/replication/catch_up.h)
//   uncompared → compared     the node takes part and is compared; rows from before HarmonyLite are
//                             asked for
//
// Threads: one owner at a time. Step() may take as long as reading all rows, and waiting for
// another node's answers, takes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "node/options.h"
#include "node/recovery/join_comparison.h"
#include "node/shared_state.h"
#include "node/step.h"
#include "ports/meta_store.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

// The operator's decision, which `harmonylite join` writes to the file's `state` as seed_from and,
// for kNode, seed_node.
enum class SeedFrom : int64_t { kUndecided = 0, kSelf = 1, kCluster = 2, kNode = 3 };

class Joiner {
 public:
  struct Dependencies {
    const NodeOptions* options;
    sqlite::Connection* db;  // for reading only
    ports::MetaStore* store;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t seed;  // seed of the ids of requests
    // Both wait a short time; false: the node ends. `answer` also answers other nodes' questions,
    // which may write rows, so it is not for waiting until rows are written.
    std::function<bool()> pause;
    std::function<bool()> answer;
  };
  explicit Joiner(const Dependencies& dependencies);

  // Idle: the file takes part and was compared. Blocked: something is missing or the operator has
  // to decide; the reason has been logged.
  StepResult Step();

 private:
  struct Decision {
    SeedFrom from = SeedFrom::kUndecided;
    NodeId node;
    bool operator==(const Decision&) const = default;
  };
  using Differences = std::vector<TableDifference>;

  Result<Decision> ReadDecision();
  Status Settle(const Decision& decision);
  // Tells the consumer again, after a restart, what the file must have before it takes part.
  Status FindReach();
  // True if this node's rows become the cluster's, because no other node came before it.
  Result<bool> IsFirst(const JoinComparison::Candidates& candidates);
  // True if the file has tables and they have not changed for kTablesSettledMs: an application that
  // makes its tables one after the other should be done.
  bool TablesAreSettled(int64_t now);
  Status Compare(const Decision& decision);
  Status GoOnUncompared(const Decision& decision);
  Status CatchUpOldRows(const Differences& differences, NodeId node);
  Status Merge(const Differences& differences, const Origin& with);
  Status Report(const Differences& differences, NodeId node);
  Status CarryOutDecision(const Differences& differences, bool self, NodeId node);
  Status AskToJournal(const std::string& table, std::vector<RowMark> rows, NodeId node);
  Status CatchUpOrJoin(RowOrders orders);
  Result<std::vector<RowMark>> AllRows(const std::string& table);
  Status Backup();
  Status CarryOut(RowOrders orders);
  // Logs a new reason once, and shows it in health if the file does not take part yet.
  StepResult Wait(const std::string& why);

  Dependencies d_;
  JoinComparison comparison_;
  int64_t next_ms_ = 0;
  // What the node has that this file is compared with, and what it has journaled for it since.
  change::ProgressVector reach_;
  // The decision that was in force when the newest report was made.
  std::optional<Decision> reported_;
  int64_t compare_again_ms_ = 0;
  // Since when the registry has answered.
  std::optional<int64_t> listens_since_ms_;
  uint64_t schema_ = 0;  // fingerprint of the tables, and since when it has been the same
  int64_t schema_since_ms_ = 0;
  std::string said_;
};

}  // namespace harmonylite::node
