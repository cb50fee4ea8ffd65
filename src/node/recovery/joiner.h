// The first join of a file that had rows before HarmonyLite: they are never sent, so they must be the cluster's rows
// already. Compares them before anything is sent or applied; until that is settled the application works on, and its
// changes are journaled.
//
// Threads: one owner at a time.
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

// What the operator decided, as `harmonylite join` leaves it in the file's `state`: seed_from and seed_node.
enum class SeedFrom : int64_t { kUndecided = 0, kSelf = 1, kCluster = 2, kNode = 3 };

class Joiner {
 public:
  struct Dependencies {
    const NodeOptions* options;
    sqlite::Connection* db;  // of its own, or the verifier's
    ports::MetaStore* store;
    SharedState* shared;
    const Clock* clock;
    Logger* logger;
    uint64_t seed;                // of ids
    std::function<bool()> pause;  // waits some ten milliseconds; false: the node is ending
  };
  explicit Joiner(const Dependencies& dependencies);

  // Idle: joined. Blocked: something is missing, or the operator has to decide; it has been logged.
  StepResult Step();

 private:
  // Of one table, in which this node and the other one differ.
  struct TableDifference {
    std::string table;
    std::vector<RowMark> only_here;
    std::vector<RowMark> only_there;  // and from before HarmonyLite: it does not come by itself
    std::vector<RowMark> differ;      // as this node has them…
    std::vector<RowMark> differ_there;  // … and as the other has them
    bool missing_there = false;       // the other has no such table
    int64_t rows_here = 0;
  };
  struct Decision {
    SeedFrom from = SeedFrom::kUndecided;
    NodeId node;
  };

  Result<Decision> ReadDecision();
  // Its rows are the cluster's, because it came before all others.
  Result<bool> IsFirst(const Decision& decision);
  Status Compare(const Decision& decision);
  Result<VerifyAnswer> Here(const VerifyRequest& request);
  Result<VerifyAnswer> There(const VerifyRequest& request, NodeId node);
  Result<std::optional<VerifyAnswer>> Reference(const Decision& decision);
  Result<std::vector<TableDifference>> Differences(const VerifyAnswer& here, const VerifyAnswer& there);
  Status CompareBuckets(const std::vector<size_t>& buckets, NodeId node, TableDifference* out);
  void Report(const std::vector<TableDifference>& differences, NodeId node);
  Status Settle(const std::vector<TableDifference>& differences, SeedFrom from, NodeId node);
  Status AskToJournal(const std::string& table, std::vector<RowMark> rows, NodeId node);
  Status Backup();
  Status CarryOut(RowOrders orders);
  StepResult Wait(const std::string& why);

  Dependencies d_;
  RowClient client_;
  int64_t next_ms_ = 0;
  std::optional<Decision> reported_;  // the decision that the newest report was made under
  int64_t compare_again_ms_ = 0;
  std::string said_;
};

}  // namespace harmonylite::node
