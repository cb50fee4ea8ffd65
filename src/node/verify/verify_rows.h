// Compares all running nodes down to single rows, and repairs what differs: the work of
// `harmonylite verify`, without its output.
//
// Threads: one.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "node/verify/compare_rows.h"
#include "node/verify/row_client.h"

namespace harmonylite::node {

struct Verification {
  std::set<NodeId> compared;              // nodes whose answers were compared
  std::map<NodeId, std::string> missing;  // running nodes that could not be compared, and why
  // Nodes that are not running, and the milliseconds since each was last heard.
  std::map<NodeId, int64_t> away;
  bool equal_progress = false;      // all nodes were compared at the same progress
  std::vector<TableDigest> tables;  // one node's digests, if equal_progress
  std::vector<Finding> findings;
  // Tables that differ at equal progress without a row that could be named.
  std::set<std::string> open_tables;
  bool cut = false;  // more rows differ than `findings` names
  bool different() const { return !findings.empty() || !open_tables.empty(); }
  bool complete() const { return missing.empty() && compared.size() > 0; }
};

// Compares the running nodes. Errors are those of RowClient::Ask.
Result<Verification> VerifyRows(RowClient* client);

// Repairs the findings and compares again, until nothing is found or a few rounds have not helped.
// Returns how many rows were touched. `*result` holds the findings to begin with, and those of the
// last comparison afterwards.
Result<int64_t> RepairRows(RowClient* client, Verification* result);

}  // namespace harmonylite::node
