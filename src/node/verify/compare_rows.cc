#include "node/verify/compare_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/mutant.h"

namespace harmonylite::node {

namespace {

using capture::RowDamage;

// Most rows in one request.
constexpr size_t kMaxRequestRows = 2'000;

bool SameVersion(const RowMark& a, const RowMark& b) {
  if (a.versioned != b.versioned) return false;
  return !a.versioned || (a.origin == b.origin && a.lseq == b.lseq);
}

bool IsLive(const RowMark& row) { return row.image != 0; }

// True if the node has applied the write that gave the row its version.
bool Knows(const NodeRows& node, const RowMark& row) {
  return !row.versioned || node.progress.Covers(row.origin, row.lseq);
}

struct Here {
  const NodeRows* node;
  const RowMark* row;  // null: the node does not know the key
};

// Compares what two nodes have under one key.
//
// If one of them lacks the key, the row must have been deleted and its tombstone forgotten there,
// or its write has not arrived there. The first is ruled out if the node that has the row has also
// applied everything that the other has: a tombstone is forgotten only after every member has
// applied it. The second is ruled out if the other node's progress covers the row's version.
//
// If the versions are equal, the rows must be, under equal schemas. If the versions differ, each
// node would have to show the greater one as soon as it knows both.
std::optional<FindingKind> ComparePair(const Here& a, const Here& b) {
  if (a.row == nullptr && b.row == nullptr) return std::nullopt;
  if (a.row == nullptr || b.row == nullptr) {
    const Here& has = a.row == nullptr ? b : a;
    const Here& lacks = a.row == nullptr ? a : b;
    if (!IsLive(*has.row)) return std::nullopt;
    // The row is absent for no reason if its write arrived at the node that lacks it, and no
    // deletion can be on its way to the node that has it.
    const bool aware =
        Knows(*lacks.node, *has.row) && has.node->progress.Covers(lacks.node->progress);
    return aware ? std::optional(FindingKind::kAbsent) : std::nullopt;
  }
  if (SameVersion(*a.row, *b.row)) {
    if (a.node->schema != b.node->schema) return std::nullopt;
    if (a.row->image != b.row->image) return FindingKind::kDiffers;
    const bool equal = a.node->progress == b.node->progress;
    if (equal && a.row->shadowed != b.row->shadowed) return FindingKind::kHidden;
    return std::nullopt;
  }
  if (!IsLive(*a.row) && !IsLive(*b.row)) return std::nullopt;
  if (Knows(*a.node, *b.row) && Knows(*b.node, *a.row)) return FindingKind::kVersions;
  return std::nullopt;
}

// What is wrong with one key on all nodes. Damage that a node finds in its own row comes first,
// because it explains the differences from other nodes.
std::optional<FindingKind> CompareKey(const std::vector<Here>& here) {
  for (const Here& one : here)
    if (one.row != nullptr && one.row->damage != RowDamage::kNone) return FindingKind::kDamaged;
  for (size_t i = 0; i < here.size(); ++i)
    for (size_t j = i + 1; j < here.size(); ++j)
      if (const auto kind = ComparePair(here[i], here[j])) return kind;
  return std::nullopt;
}

using Side = std::pair<NodeId, const RowMark*>;

// The node to believe among several that claim to be right: the writer of the version, otherwise
// the node with the least id.
Side Claimant(const std::vector<Side>& claimants) {
  for (const Side& side : claimants)
    if (side.second->versioned && side.second->origin.node == side.first) return side;
  return claimants.front();
}

Repair Of(const Finding& finding, OrderKind kind, const Side& side) {
  return {side.first, kind, finding.table, *side.second};
}

// Plans what to do about a row that is not what its own node's version says. The first damaged node
// is compared with the nodes whose rows are sound under the same version:
//
//   - If their version is a tombstone and the damaged node shows a row, the row is removed there.
//   - If they show a row, one of them sends it again under its version. If that did not help, the
//     node to believe journals it as a new write, which wins everywhere.
//   - If none of them shows a row, the damaged node's content is a write or a delete that its
//     triggers missed. It is journaled there, and so becomes a change like any other (P7).
Repair PlanDamaged(const Finding& finding, bool resent) {
  std::vector<Side> damaged;
  std::vector<Side> sound;
  for (const auto& [node, row] : finding.nodes)
    (row.damage == RowDamage::kNone ? sound : damaged).emplace_back(node, &row);
  const Side& first = damaged.front();
  std::vector<Side> right;
  for (const Side& side : sound) {
    if (!SameVersion(*side.second, *first.second)) continue;
    // The other nodes know the row as deleted. A row that no node's version speaks of is removed.
    // In the opposite case, in which the damaged node has no row and the tombstone of the others
    // has its version, the row was deleted unseen before its write was sent, and went out as a
    // delete. That delete is journaled below.
    if (side.second->deleted && !IsLive(*side.second) && IsLive(*first.second))
      return Of(finding, OrderKind::kRemove, first);
    if (IsLive(*side.second)) right.push_back(side);
  }
  if (HL_MUTANT(repair_takes_loser)) return Of(finding, OrderKind::kJournal, first);
  if (!right.empty() && !resent) return Of(finding, OrderKind::kResend, right.front());
  if (!right.empty()) return Of(finding, OrderKind::kJournal, Claimant(right));
  return Of(finding, OrderKind::kJournal, first);
}

}  // namespace

std::vector<Finding> CompareRows(const std::string& table, const std::vector<NodeRows>& nodes) {
  std::map<uint64_t, std::vector<Here>> keys;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const RowMark& row : nodes[i].rows) {
      std::vector<Here>& here = keys[row.key];
      for (size_t n = here.size(); n < nodes.size(); ++n) here.push_back({&nodes[n], nullptr});
      here[i].row = &row;
    }
  std::vector<Finding> out;
  for (const auto& [key, here] : keys) {
    const auto kind = CompareKey(here);
    if (!kind) continue;
    Finding finding{table, *kind, {}, {}, key};
    for (const Here& one : here) {
      if (one.row == nullptr) continue;
      finding.nodes[one.node->origin.node] = *one.row;
      finding.key_text = one.row->key_text;
    }
    out.push_back(std::move(finding));
  }
  return out;
}

std::vector<Finding> InBoth(const std::vector<Finding>& first, const std::vector<Finding>& second) {
  const auto id = [](const Finding& finding) {
    return std::tuple(finding.table, finding.key, finding.kind);
  };
  std::set<std::tuple<std::string, uint64_t, FindingKind>> before;
  for (const Finding& finding : first) before.insert(id(finding));
  std::vector<Finding> out;
  for (const Finding& finding : second)
    if (before.contains(id(finding))) out.push_back(finding);
  return out;
}

namespace {

// Where the UNIQUE indexes differ, it is only certain that both have the same versions, wherever
// the rows are.
bool SameRows(const TableDigest& a, const TableDigest& b) {
  if (a.uniques != b.uniques)
    return a.rows + a.shadowed == b.rows + b.shadowed &&
           a.versions + a.shadows == b.versions + b.shadows;
  return a.rows == b.rows && a.shadowed == b.shadowed && a.images == b.images &&
         a.versions == b.versions && a.shadows == b.shadows;
}

}  // namespace

std::set<std::string> DifferingTables(const VerifyAnswer& a, const VerifyAnswer& b) {
  std::set<std::string> out;
  if (a.schema != b.schema) return out;
  const std::vector<TableDigest>& others = b.As<TableDigests>().tables;
  for (const TableDigest& ours : a.As<TableDigests>().tables) {
    const auto theirs = std::find_if(others.begin(), others.end(),
                                     [&](const TableDigest& t) { return t.table == ours.table; });
    if (theirs == others.end()) continue;
    // While a node has changes that are not folded, a shadowed row there may be about to become
    // visible again, so shadowed rows prove nothing.
    if (!(a.settled && b.settled) && ours.shadowed + theirs->shadowed > 0) continue;
    if (!SameRows(ours, *theirs)) out.insert(ours.table);
  }
  return out;
}

std::vector<size_t> DifferingBuckets(const std::vector<const BucketDigests*>& answers) {
  std::vector<size_t> out;
  for (size_t bucket = 0; bucket < kVerifyBuckets; ++bucket)
    for (const BucketDigests* answer : answers) {
      if (answer->images[bucket] == answers[0]->images[bucket] &&
          answer->versions[bucket] == answers[0]->versions[bucket])
        continue;
      out.push_back(bucket);
      break;
    }
  return out;
}

std::optional<Repair> PlanRepair(const Finding& finding, bool resent) {
  if (finding.kind == FindingKind::kHidden) return std::nullopt;
  if (finding.kind == FindingKind::kDamaged) return PlanDamaged(finding, resent);
  std::vector<Side> live;
  Hlc newest;
  for (const auto& [node, row] : finding.nodes) newest = std::max(newest, row.stamp);
  for (const auto& [node, row] : finding.nodes)
    if (row.stamp == newest && !row.shadowed) live.emplace_back(node, &row);
  if (live.empty()) return std::nullopt;
  return Of(finding, OrderKind::kJournal, Claimant(live));
}

std::vector<VerifyRequest> RepairRequests(const std::vector<Repair>& repairs) {
  std::map<std::tuple<NodeId, OrderKind, std::string>, std::vector<RowMark>> groups;
  for (const Repair& repair : repairs)
    groups[{repair.node, repair.kind, repair.table}].push_back(repair.row);
  std::vector<VerifyRequest> out;
  for (const auto& [group, rows] : groups)
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i % kMaxRequestRows == 0) {
        const auto& [node, kind, table] = group;
        out.push_back({.to = node, .what = VerifyOrder{kind, table, {}}});
      }
      std::get<VerifyOrder>(out.back().what).rows.push_back(rows[i]);
    }
  return out;
}

std::string Describe(FindingKind kind) {
  switch (kind) {
    case FindingKind::kDamaged:
      return "not what its version says";
    case FindingKind::kDiffers:
      return "one version, different rows";
    case FindingKind::kVersions:
      return "different versions";
    case FindingKind::kAbsent:
      return "not on every node";
    case FindingKind::kHidden:
      return "visible on one node, shadowed on another";
  }
  return "";
}

std::string Describe(const RowMark& row) {
  std::string out;
  switch (row.damage) {
    case RowDamage::kAltered:
      out = "changed outside triggers, ";
      break;
    case RowDamage::kMissing:
      out = "deleted outside triggers, ";
      break;
    case RowDamage::kUnwritten:
      out = "inserted outside triggers, ";
      break;
    case RowDamage::kNone:
      break;
  }
  if (row.versioned)
    out += fmt::format("{} by node {}, its change {}", row.deleted ? "deleted" : "written",
                       row.origin.node.value, row.lseq.value);
  else
    out += row.damage == RowDamage::kNone ? "from before HarmonyLite" : "without a version";
  if (row.shadowed) out += ", shadowed";
  if (row.image != 0) out += fmt::format(", row {:016x}", row.image);
  return out;
}

}  // namespace harmonylite::node
