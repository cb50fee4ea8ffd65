// Where the verifier and the joiner leave orders about rows: the consumer takes those that write
// the database, the publisher takes those that send rows again. Also holds what the last comparison
// found, and whether the first join is settled.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "change/version.h"
#include "node/row_mark.h"

namespace harmonylite::node {

// An order about rows of one table. A row is touched only if it still has the version of its mark.
struct RowOrder {
  OrderKind kind = OrderKind::kJournal;
  std::string table;
  std::vector<change::Row> keys;
  std::vector<RowMark> marks;  // one for each of `keys`
};

// Rows of one table from before HarmonyLite that give way to the cluster's. They stay in their
// table until the cluster's arrive, and are kept in `conflicts`. A row that was written since it
// was compared does not give way.
struct YieldingRows {
  std::string table;
  std::vector<change::Row> keys;
  std::vector<RowMark> winners;  // the cluster's row, or its deletion, for each of `keys`
};

// Orders that the consumer carries out in one transaction.
struct RowOrders {
  std::vector<RowOrder> orders;
  std::vector<YieldingRows> yields;
  Origin compared_with;  // the node that has the winners of `yields`
  // True: what this file has not published yet counts as older than everything in the cluster.
  bool counts_as_oldest = false;
  Hlc raise_clock;        // journaled rows get stamps above this
  bool keep_lost = true;  // true: removed rows are kept in `conflicts`
  bool joins = false;     // true: the file takes part from the same transaction on
  // True: the file applies from the same transaction on, and takes part once it has what the
  // cluster had.
  bool catches_up = false;
  bool compared = false;  // true: nothing is left to be compared, either
};

// What the newest comparison with other nodes found.
struct Divergence {
  int64_t tables = 0;        // tables that differ from another node's at equal progress
  int64_t damaged_rows = 0;  // this node's rows that are not what their versions say
  // The tables that differ, and the nodes, for the operator. The text stands until a check meets a
  // node with equal progress.
  std::string tables_text;
  std::string text;             // for the operator; empty: nothing is wrong
  int64_t checked_wall_ms = 0;  // when the last check ended; 0: there was none yet
};

class RowDesk {
 public:
  // Hands orders to the consumer. Only one set of orders is under way at a time; its result stands
  // until TakeResult() takes it or new orders come.
  void Order(RowOrders orders);
  std::optional<RowOrders> TakeOrders();
  void Finish(Result<int64_t> rows);
  std::optional<Result<int64_t>> TakeResult();

  void OrderResend(RowOrder order);
  std::optional<RowOrder> TakeResend();

  void SetDivergence(Divergence divergence);
  Divergence divergence() const;

  // State::joined, State::compared and State::catching_up of the file.
  struct Standing {
    bool joined = true;
    bool compared = true;
    bool catching_up = false;
  };
  void SetStanding(const Standing& standing);
  bool joined() const;
  bool compared() const;
  bool catching_up() const;
  // What the cluster had when this file was compared with it: a file that catches up takes part
  // when it has all of that. None: the joiner does not know it yet.
  void SetReach(change::ProgressVector reach);
  std::optional<change::ProgressVector> reach() const;
  // Why the first join is not settled, for the operator.
  void SetJoinProblem(std::string problem);
  std::string join_problem() const;

 private:
  mutable std::mutex mutex_;
  std::optional<RowOrders> orders_;
  std::optional<Result<int64_t>> result_;
  std::vector<RowOrder> resends_;
  Divergence divergence_;
  Standing standing_;
  std::optional<change::ProgressVector> reach_;
  std::string join_problem_;
};

}  // namespace harmonylite::node
