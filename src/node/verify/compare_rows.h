// Compares what nodes say of their rows, finds what cannot be right at any progress, and plans what ends it.
// Pure.
//
// Two nodes need not be equally far: a difference counts only if no change on its way explains it. One version
// stands for one image, so that rows of one version must be equal at any time, where the schemas are: a migration
// changes what a row looks like and not its version.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/verify/verify_wire.h"

namespace harmonylite::node {

// One node's rows of some buckets of one table.
struct NodeRows {
  Origin origin;
  change::ProgressVector progress;  // when they were read
  bool had_rows = false;
  uint64_t schema = 0;
  std::vector<RowMark> rows;
};

enum class FindingKind {
  kDamaged,   // a node's row is not what its own version says
  kDiffers,   // two rows have one version and differ
  kVersions,  // two nodes know both versions and have not the same
  kAbsent,    // a node lacks a row of whose deletion nobody knows
  kHidden,    // visible on one node, shadowed on another, at equal progress
};

struct Finding {
  std::string table;
  FindingKind kind = FindingKind::kDamaged;
  std::map<NodeId, RowMark> nodes;  // that have the key, each as it has it
  std::string key_text;
  uint64_t key = 0;
};

std::vector<Finding> CompareRows(const std::string& table, const std::vector<NodeRows>& nodes);
// Those that both looks found: what has gone meanwhile was on its way.
std::vector<Finding> InBoth(const std::vector<Finding>& first, const std::vector<Finding>& second);

// Tables that differ between two answers: at equal progress a fault, else perhaps. Tables that one of them lacks
// are left out, and so is everything while their schemas differ: that holds changes back, and is told elsewhere.
std::set<std::string> DifferingTables(const VerifyAnswer& a, const VerifyAnswer& b);
// Buckets that are not the same in all answers.
std::vector<size_t> DifferingBuckets(const std::vector<const VerifyAnswer*>& answers);

// Who does what about it. The image is right whose hash is the one that its version was given with; if several
// claim that, the writer of the version, else the node with the least id. `resent`: sending the row again has not
// helped, because the damaged node's version was given for yet another row.
struct Repair {
  NodeId node;
  VerifyKind kind = VerifyKind::kJournal;
  std::string table;
  RowMark row;  // as that node has it
};
std::optional<Repair> PlanRepair(const Finding& finding, bool resent = false);
// As requests, bounded in size, without ids.
std::vector<VerifyRequest> RepairRequests(const std::vector<Repair>& repairs);

// For people: "altered: it is not what its version says".
std::string Describe(FindingKind kind);
std::string Describe(const RowMark& row);

}  // namespace harmonylite::node
