// Where the verifier leaves orders for those who may carry them out: the consumer writes, the publisher sends.
//
// Threads: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "node/row_mark.h"

namespace harmonylite::node {

// Rows of one table; each only if it still has the version of its mark.
struct RowOrder {
  VerifyKind kind = VerifyKind::kJournal;  // kJournal or kRemove, or kResend
  std::string table;
  std::vector<change::Row> keys;
  std::vector<RowMark> marks;  // as many
};

// Carried out in one transaction.
struct RowOrders {
  std::vector<RowOrder> orders;
  Hlc raise_clock;         // what is journaled is newer than this
  bool keep_lost = true;   // what is removed is kept in `conflicts`
  bool joins = false;      // with it this node's rows are the cluster's
};

// What the newest comparison with other nodes found.
struct Divergence {
  int64_t tables = 0;        // that differ from another node's at equal progress
  int64_t damaged_rows = 0;  // of this node: not what their versions say
  std::string tables_text;   // which tables, and where; stands until a check meets somebody equally far
  std::string text;          // for the operator; empty: nothing is wrong
  int64_t checked_wall_ms = 0;  // of the last check; 0: none yet
};

class RowDesk {
 public:
  // One at a time; the result stands until it is taken.
  void Order(RowOrders orders);
  std::optional<RowOrders> TakeOrders();
  void Finish(Result<int64_t> rows);
  std::optional<Result<int64_t>> TakeResult();

  void OrderResend(RowOrder order);
  std::optional<RowOrder> TakeResend();

  void SetDivergence(Divergence divergence);
  Divergence divergence() const;

  // False: nothing is sent or applied until it is settled whose rows from before HarmonyLite count.
  void SetJoined(bool joined);
  bool joined() const;
  // Why it is not, for the operator.
  void SetJoinProblem(std::string problem);
  std::string join_problem() const;

 private:
  mutable std::mutex mutex_;
  std::optional<RowOrders> orders_;
  std::optional<Result<int64_t>> result_;
  std::vector<RowOrder> resends_;
  Divergence divergence_;
  bool joined_ = true;
  std::string join_problem_;
};

}  // namespace harmonylite::node
