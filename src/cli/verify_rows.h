// Compares all live nodes down to the rows: what `harmonylite verify` does, without its printing.
//
// Threads: one.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "node/row_client.h"
#include "node/compare_rows.h"

namespace harmonylite::cli {

struct Verification {
  std::set<NodeId> compared;              // nodes that answered
  std::map<NodeId, std::string> missing;  // that did not, and why
  std::map<NodeId, int64_t> away;         // not running; milliseconds since they were last heard of
  bool equal_progress = false;            // all of them were compared at one progress
  std::vector<node::TableDigest> tables;  // of one of them, when equal_progress
  std::vector<node::Finding> findings;
  std::set<std::string> open_tables;      // that differ at equal progress, and no row could be named
  bool cut = false;                       // there are more rows than are named
  bool different() const { return !findings.empty() || !open_tables.empty(); }
  bool complete() const { return missing.empty() && compared.size() > 0; }
};

Result<Verification> VerifyRows(node::RowClient* client);

// Carries out what ends the findings; returns how many rows were touched.
// `resent`: sending rows again was tried before.
Result<int64_t> RepairRows(node::RowClient* client, const std::vector<node::Finding>& findings, bool resent);

}  // namespace harmonylite::cli
