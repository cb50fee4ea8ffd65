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
#include "node/verify_wire.h"

namespace harmonylite::node {

// Rows of one table; each only if it still has the version of its mark.
struct RowOrder {
  VerifyKind kind = VerifyKind::kJournal;
  std::string table;
  std::vector<change::Row> keys;
  std::vector<RowMark> marks;  // as many
};

// What the newest comparison with other nodes found.
struct Divergence {
  int64_t tables = 0;        // that differ from another node's at equal progress
  int64_t damaged_rows = 0;  // of this node: not what their versions say
  std::string text;          // for the operator; empty: nothing is wrong
  int64_t checked_wall_ms = 0;  // of the last check; 0: none yet
};

class RowDesk {
 public:
  // One order at a time; its result stands until the next.
  void Order(RowOrder order);
  std::optional<RowOrder> TakeOrder();
  void Finish(Result<int64_t> rows);
  std::optional<Result<int64_t>> TakeResult();

  void OrderResend(RowOrder order);
  std::optional<RowOrder> TakeResend();

  void SetDivergence(Divergence divergence);
  Divergence divergence() const;

 private:
  mutable std::mutex mutex_;
  std::optional<RowOrder> order_;
  std::optional<Result<int64_t>> result_;
  std::vector<RowOrder> resends_;
  Divergence divergence_;
};

}  // namespace harmonylite::node
