// Compares all live nodes down to the rows: what `harmonylite verify` does, without its printing.
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
  std::set<NodeId> compared;              // nodes that answered
  std::map<NodeId, std::string> missing;  // that did not, and why
  std::map<NodeId, int64_t> away;         // not running; milliseconds since they were last heard of
  bool equal_progress = false;            // all of them were compared at one progress
  std::vector<TableDigest> tables;  // of one of them, when equal_progress
  std::vector<Finding> findings;
  std::set<std::string> open_tables;      // that differ at equal progress, and no row could be named
  bool cut = false;                       // there are more rows than are named
  bool different() const { return !findings.empty() || !open_tables.empty(); }
  bool complete() const { return missing.empty() && compared.size() > 0; }
};

Result<Verification> VerifyRows(RowClient* client);

// Carries out what ends the findings, and looks again, until nothing is found or it does not help. Returns how
// many rows were touched; `*result` is what the last look found.
Result<int64_t> RepairRows(RowClient* client, Verification* result);

}  // namespace harmonylite::node
