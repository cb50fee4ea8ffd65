// The first join: compares a file that had rows before HarmonyLite with the cluster. Such rows are
// never sent, so they must be the cluster's rows already. Until the comparison is settled, nothing
// is sent or applied; the application goes on, and its changes are journaled (P1, P7).
// docs/decisions/0023-first-join.md
//
// States (legal moves):
//   not joined → joined      the node is the first one, or its rows equal another node's
//   not joined → reported    rows differ, and the operator has not decided
//   reported   → not joined  after kCompareAgainMs, or when the operator decides
//   not joined → joined      the decision is carried out
//
// Threads: one owner at a time. Step() may take as long as reading all rows, and waiting for
// another node's answers, takes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "node/options.h"
#include "node/shared_state.h"
#include "node/step.h"
#include "node/verify/digest.h"
#include "node/verify/row_client.h"
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
    uint64_t seed;                // seed of the ids of requests
    std::function<bool()> pause;  // waits about ten milliseconds; false: the node ends
  };
  explicit Joiner(const Dependencies& dependencies);

  // Idle: the file has joined. Blocked: something is missing or the operator has to decide; the
  // reason has been logged.
  StepResult Step();

 private:
  // How one table differs between this node and the one it is compared with.
  struct TableDifference {
    std::string table;
    std::vector<RowMark> only_here;
    // Rows of the other node from before HarmonyLite. They do not arrive by themselves, as they are
    // never sent.
    std::vector<RowMark> only_there;
    std::vector<RowMark> differ;        // rows that differ, as this node has them
    std::vector<RowMark> differ_there;  // the same rows, as the other node has them
    bool missing_there = false;         // true: the other node has no such table
    int64_t rows_here = 0;
  };
  struct Decision {
    SeedFrom from = SeedFrom::kUndecided;
    NodeId node;
  };

  Result<Decision> ReadDecision();
  // True if this node's rows become the cluster's, because no other node came before it.
  Result<bool> IsFirst(const Decision& decision);
  Status Compare(const Decision& decision);
  Result<VerifyAnswer> Here(const VerifyQuestion& question);
  // The answer of another node. A failure there is an error.
  Result<VerifyAnswer> There(VerifyRequest request, NodeId node);
  // Finds a running node that has joined and returns its digests; nothing: no such node runs.
  Result<std::optional<VerifyAnswer>> Reference(const Decision& decision);
  Result<std::vector<TableDifference>> Differences(const VerifyAnswer& here,
                                                   const VerifyAnswer& there);
  Status CompareBuckets(const std::vector<size_t>& buckets, NodeId node, TableDifference* out);
  void Report(const std::vector<TableDifference>& differences, NodeId node);
  Status Settle(const std::vector<TableDifference>& differences, SeedFrom from, NodeId node);
  Status AskToJournal(const std::string& table, std::vector<RowMark> rows, NodeId node);
  Status Backup();
  Status CarryOut(RowOrders orders);
  // Logs a new reason once, and shows it in health.
  StepResult Wait(const std::string& why);

  Dependencies d_;
  RowClient client_;
  int64_t next_ms_ = 0;
  // The decision that was in force when the newest report was made.
  std::optional<Decision> reported_;
  int64_t compare_again_ms_ = 0;
  std::string said_;
};

}  // namespace harmonylite::node
