// Compares what nodes answered about their rows, finds what cannot be right at any progress, and
// plans its repair.
//
// Two nodes need not have applied the same changes, so a difference counts only if no change that
// is still on its way explains it. A version is given for one content of a row. Rows of the same
// version must therefore be equal at any time, provided that the schemas are equal: a migration
// changes what a row looks like but not its version.
// (docs/decisions/0022-rows-are-compared-by-version.md)
//
// Threads: pure functions and values.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/verify/verify_wire.h"

namespace harmonylite::node {

// One node's rows of some buckets of one table, from its answer.
struct NodeRows {
  Origin origin;
  change::ProgressVector progress;  // the node's progress when the rows were read
  bool had_rows = false;
  uint64_t schema = 0;
  std::vector<RowMark> rows;
};

enum class FindingKind {
  kDamaged,   // a node's row is not what its own version was given for
  kDiffers,   // two nodes have different rows under the same version
  kVersions,  // two nodes have different versions although both know both
  kAbsent,    // a node lacks a row, and no deletion explains it
  kHidden,    // the row is visible on one node and shadowed on another, at equal progress
};

struct Finding {
  std::string table;
  FindingKind kind = FindingKind::kDamaged;
  std::map<NodeId, RowMark> nodes;  // each node that has the key, with its row
  std::string key_text;
  uint64_t key = 0;
};

// Finds the rows of `table` that cannot be right. All of `nodes` answered about the same buckets.
std::vector<Finding> CompareRows(const std::string& table, const std::vector<NodeRows>& nodes);
// The findings that both looks have in common. A finding that has gone meanwhile was a change on
// its way.
std::vector<Finding> InBoth(const std::vector<Finding>& first, const std::vector<Finding>& second);

// Names of the tables that differ between two answers to kDigest. At equal progress a difference is
// a fault, otherwise it may be a change on its way. Tables that one of the nodes lacks are left
// out. So is every table if the schemas differ: batches are held then, and health says so. Neither
// answer may be a failure.
std::set<std::string> DifferingTables(const VerifyAnswer& a, const VerifyAnswer& b);
// Numbers of the buckets that are not the same in all answers, each of which has all buckets.
std::vector<size_t> DifferingBuckets(const std::vector<const BucketDigests*>& answers);

// What one node has to do about a finding.
struct Repair {
  NodeId node;
  OrderKind kind = OrderKind::kJournal;
  std::string table;
  RowMark row;  // the row as that node has it
};
// Plans the repair of a finding; nothing if there is none. The right content of a row is the one
// that its version was given for. If several nodes claim to have it, the writer of the version is
// believed, otherwise the node with the least id. `resent`: sending the row again was tried and did
// not help, because the damaged node's version was given for yet another content.
std::optional<Repair> PlanRepair(const Finding& finding, bool resent = false);
// The repairs as requests without ids, each with a bounded number of rows.
std::vector<VerifyRequest> RepairRequests(const std::vector<Repair>& repairs);

// Text for people.
std::string Describe(FindingKind kind);
std::string Describe(const RowMark& row);

}  // namespace harmonylite::node
