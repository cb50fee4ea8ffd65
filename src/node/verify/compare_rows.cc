#include "node/verify/compare_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/mutant.h"

namespace harmonylite::node {

namespace {

using capture::RowDamage;

// Rows in one request.
constexpr size_t kMaxRequestRows = 2'000;

bool SameVersion(const RowMark& a, const RowMark& b) {
  if (a.versioned != b.versioned) return false;
  return !a.versioned || (a.origin == b.origin && a.lseq == b.lseq);
}

bool IsLive(const RowMark& row) { return row.image != 0; }

// The node has applied the write that this version is of.
bool Knows(const NodeRows& node, const RowMark& row) {
  return !row.versioned || node.progress.Covers(row.origin, row.lseq);
}

struct Here {
  const NodeRows* node;
  const RowMark* row;  // null: the node does not know the key
};

std::optional<FindingKind> ComparePair(const Here& a, const Here& b) {
  if (a.row == nullptr && b.row == nullptr) return std::nullopt;
  if (a.row == nullptr || b.row == nullptr) {
    const Here& has = a.row == nullptr ? b : a;
    const Here& lacks = a.row == nullptr ? a : b;
    if (!IsLive(*has.row)) return std::nullopt;
    // Deleted and forgotten there: then everybody had applied the deletion.
    const bool aware = Knows(*lacks.node, *has.row) && has.node->progress.Covers(lacks.node->progress);
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

std::optional<FindingKind> CompareKey(const std::vector<Here>& here) {
  for (const Here& one : here)
    if (one.row != nullptr && one.row->damage != RowDamage::kNone) return FindingKind::kDamaged;
  for (size_t i = 0; i < here.size(); ++i)
    for (size_t j = i + 1; j < here.size(); ++j)
      if (const auto kind = ComparePair(here[i], here[j])) return kind;
  return std::nullopt;
}

using Side = std::pair<NodeId, const RowMark*>;

// Of several nodes that claim to be right: the writer, else the least id.
Side Claimant(const std::vector<Side>& claimants) {
  for (const Side& side : claimants)
    if (side.second->versioned && side.second->origin.node == side.first) return side;
  return claimants.front();
}

Repair Of(const Finding& finding, VerifyKind kind, const Side& side) {
  return {side.first, kind, finding.table, *side.second};
}

Repair PlanDamaged(const Finding& finding, bool resent) {
  std::vector<Side> damaged;
  std::vector<Side> sound;
  for (const auto& [node, row] : finding.nodes)
    (row.damage == RowDamage::kNone ? sound : damaged).emplace_back(node, &row);
  const Side& first = damaged.front();
  std::vector<Side> right;
  for (const Side& side : sound) {
    if (!SameVersion(*side.second, *first.second)) continue;
    // The others know that it is deleted; a row that nobody's version tells of is a write that was missed. So is a
    // delete that went out as what the damaged row was.
    if (side.second->deleted && !IsLive(*side.second) && IsLive(*first.second))
      return Of(finding, VerifyKind::kRemove, first);
    if (IsLive(*side.second)) right.push_back(side);
  }
  if (HL_MUTANT(repair_takes_loser)) return Of(finding, VerifyKind::kJournal, first);
  if (!right.empty() && !resent) return Of(finding, VerifyKind::kResend, right.front());
  if (!right.empty()) return Of(finding, VerifyKind::kJournal, Claimant(right));
  return Of(finding, VerifyKind::kJournal, first);
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
  const auto id = [](const Finding& finding) { return std::tuple(finding.table, finding.key, finding.kind); };
  std::set<std::tuple<std::string, uint64_t, FindingKind>> before;
  for (const Finding& finding : first) before.insert(id(finding));
  std::vector<Finding> out;
  for (const Finding& finding : second)
    if (before.contains(id(finding))) out.push_back(finding);
  return out;
}

std::set<std::string> DifferingTables(const VerifyAnswer& a, const VerifyAnswer& b) {
  std::set<std::string> out;
  if (a.schema != b.schema) return out;
  for (const TableDigest& ours : a.tables) {
    const auto theirs = std::find_if(b.tables.begin(), b.tables.end(),
                                     [&](const TableDigest& t) { return t.table == ours.table; });
    if (theirs == b.tables.end()) continue;
    // A shadowed row may be about to come back.
    if (!(a.settled && b.settled) && ours.shadowed + theirs->shadowed > 0) continue;
    const bool same = ours.rows == theirs->rows && ours.shadowed == theirs->shadowed &&
                      ours.images == theirs->images && ours.versions == theirs->versions &&
                      ours.shadows == theirs->shadows;
    if (!same) out.insert(ours.table);
  }
  return out;
}

std::vector<size_t> DifferingBuckets(const std::vector<const VerifyAnswer*>& answers) {
  std::vector<size_t> out;
  for (size_t bucket = 0; bucket < kVerifyBuckets; ++bucket)
    for (const VerifyAnswer* answer : answers) {
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
  return Of(finding, VerifyKind::kJournal, Claimant(live));
}

std::vector<VerifyRequest> RepairRequests(const std::vector<Repair>& repairs) {
  std::map<std::tuple<NodeId, VerifyKind, std::string>, std::vector<RowMark>> groups;
  for (const Repair& repair : repairs)
    groups[{repair.node, repair.kind, repair.table}].push_back(repair.row);
  std::vector<VerifyRequest> out;
  for (const auto& [group, rows] : groups)
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i % kMaxRequestRows == 0) {
        VerifyRequest request;
        std::tie(request.to, request.kind, request.table) = group;
        out.push_back(std::move(request));
      }
      out.back().rows.push_back(rows[i]);
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
      out = "altered unseen, ";
      break;
    case RowDamage::kMissing:
      out = "gone unseen, ";
      break;
    case RowDamage::kUnwritten:
      out = "there unseen, ";
      break;
    case RowDamage::kNone:
      break;
  }
  if (row.versioned)
    out += fmt::format("{} by node {}, its change {}", row.deleted ? "deleted" : "written", row.origin.node.value,
                       row.lseq.value);
  else
    out += row.damage == RowDamage::kNone ? "from before HarmonyLite" : "without a version";
  if (row.shadowed) out += ", shadowed";
  if (row.image != 0) out += fmt::format(", row {:016x}", row.image);
  return out;
}

}  // namespace harmonylite::node
