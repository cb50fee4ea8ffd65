// Compares this file's rows with those of a node of the cluster, for the first join.
//
// Digests of whole tables come first, then digests of a table's buckets, then the rows of the
// buckets that differ, so that equal tables cost one digest each
// (docs/decisions/0022-rows-are-compared-by-version.md).
//
// Threads: one owner at a time. Every function may take as long as reading all rows, or waiting for
// another node's answers, takes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "node/options.h"
#include "node/row_mark.h"
#include "node/verify/digest.h"
#include "node/verify/row_client.h"
#include "ports/meta_store.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

// A row that both nodes know and that is not the same: as this node and as the other one has it.
struct DifferingRow {
  RowMark here;
  RowMark there;  // image 0: it was deleted
};

// How one table differs between this node and the one it is compared with. "Old" rows are those
// without a version, from before HarmonyLite: they are never sent by themselves.
struct TableDifference {
  std::string table;
  std::vector<RowMark> only_here;   // old rows of this file
  std::vector<RowMark> only_there;  // old rows of the other one
  // Old rows of this file. The other node has an old row, or it has a version and the table had no
  // old rows there, so that both can never have been equal.
  std::vector<DifferingRow> differ;
  // Old rows of this file that the other node has in a version. They may have been equal before
  // that version was written, as in a copy of the file.
  std::vector<DifferingRow> changed_there;
  // Rows that were written here since the file was attached, and are old there.
  std::vector<DifferingRow> written_here;
  bool missing_there = false;  // true: the other node has no such table
  int64_t rows_here = 0;

  // True if nothing of either side has to be settled.
  bool equal() const {
    return only_here.empty() && only_there.empty() && differ.empty() && !missing_there;
  }
};

class JoinComparison {
 public:
  // `pause` waits a short time and answers what other nodes ask meanwhile; false: the node ends.
  JoinComparison(const NodeOptions* options, sqlite::Connection* db, ports::MetaStore* store,
                 const Clock* clock, uint64_t seed, std::function<bool()> pause);

  // Which nodes a file may be compared with.
  struct Candidates {
    NodeId self;
    std::optional<NodeId> only;   // this node and no other
    std::optional<NodeId> first;  // this node is asked before others
  };
  // Finds a running node that has joined and was compared itself, and returns its digests; nothing:
  // no such node runs. kRetryLater: the registry is out of reach, or the node is ending.
  Result<std::optional<VerifyAnswer>> Reference(const Candidates& candidates);

  // This node's answer to a question.
  Result<VerifyAnswer> Here(const VerifyQuestion& question);
  // The answer of another node. A failure there is an error.
  Result<VerifyAnswer> There(VerifyRequest request, NodeId node);
  // The tables that differ. `here` and `there` are digests.
  Result<std::vector<TableDifference>> Differences(const VerifyAnswer& here,
                                                   const VerifyAnswer& there);

 private:
  Status CompareTable(NodeId node, TableDifference* out);
  Status CompareBuckets(const std::vector<size_t>& buckets, NodeId node, TableDifference* out);

  const NodeOptions* options_;  // not owned, like db_
  sqlite::Connection* db_;      // for reading only
  RowClient client_;
};

}  // namespace harmonylite::node
