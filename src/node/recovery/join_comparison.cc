#include "node/recovery/join_comparison.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sqlite/identifier.h"

namespace harmonylite::node {

namespace {

constexpr size_t kBucketsAtOnce = 128;
constexpr int64_t kRowsAtOnce = 100'000;

const TableDigest* Find(const std::vector<TableDigest>& tables, const std::string& table) {
  for (const TableDigest& one : tables)
    if (sqlite::SameName(one.table, table)) return &one;
  return nullptr;
}

// Adds a row of this file to what differs. `other` is the other node's row or deletion, null if it
// knows nothing of the row. Rows with a version here travel like any other write.
void Add(const RowMark& row, const RowMark* other, bool had_rows_there, TableDifference* out) {
  if (other == nullptr) {
    if (!row.versioned) out->only_here.push_back(row);
    return;
  }
  if (other->image == row.image) return;
  if (row.versioned) {
    if (!other->versioned) out->written_here.push_back({row, *other});
  } else if (other->versioned && had_rows_there) {
    out->changed_there.push_back({row, *other});
  } else {
    out->differ.push_back({row, *other});
  }
}

}  // namespace

JoinComparison::JoinComparison(const NodeOptions* options, sqlite::Connection* db,
                               ports::MetaStore* store, const Clock* clock, uint64_t seed,
                               std::function<bool()> pause)
    : options_(options), db_(db), client_(store, clock, 'j', seed, std::move(pause)) {}

Result<std::optional<VerifyAnswer>> JoinComparison::Reference(const Candidates& candidates) {
  HL_ASSIGN(const LiveNodes nodes, client_.Nodes());
  std::vector<NodeId> order;
  for (const NodeId node : nodes.live)
    if (node != candidates.self && (!candidates.only || node == *candidates.only))
      order.push_back(node);
  if (candidates.first)
    std::stable_partition(order.begin(), order.end(),
                          [&](NodeId node) { return node == *candidates.first; });
  for (const NodeId node : order) {
    auto answer = There({}, node);
    if (answer.ok() && answer->joined && answer->compared)
      return std::optional<VerifyAnswer>(std::move(*answer));
  }
  return std::optional<VerifyAnswer>();
}

Result<VerifyAnswer> JoinComparison::Here(const VerifyQuestion& question) {
  HL_ASSIGN(Digest digest, Digest::Begin(db_, *options_, question));
  while (true) {
    HL_ASSIGN(const bool done, digest.Advance(kRowsAtOnce));
    if (done) return digest.answer();
  }
}

Result<VerifyAnswer> JoinComparison::There(VerifyRequest request, NodeId node) {
  request.to = node;
  HL_ASSIGN(auto answers, client_.Ask(std::move(request), {node}));
  const auto it = answers.find(node);
  if (it == answers.end())
    return MakeError(ErrorCode::kRetryLater, "node {} does not answer", node.value);
  if (const std::string* failure = it->second.failure())
    return MakeError(ErrorCode::kRetryLater, "node {}: {}", node.value, *failure);
  return std::move(it->second);
}

Result<std::vector<TableDifference>> JoinComparison::Differences(const VerifyAnswer& here,
                                                                 const VerifyAnswer& there) {
  std::vector<TableDifference> out;
  for (const TableDigest& ours : here.As<TableDigests>().tables) {
    TableDifference difference;
    difference.table = ours.table;
    difference.rows_here = ours.rows;
    const TableDigest* theirs = Find(there.As<TableDigests>().tables, ours.table);
    if (theirs == nullptr) {
      difference.missing_there = ours.rows > 0;
    } else if (ours.rows != theirs->rows || ours.images != theirs->images) {
      // If neither side has old rows, every row travels by itself.
      if (ours.had_rows || theirs->had_rows) HL_TRY(CompareTable(there.origin.node, &difference));
    }
    if (!difference.equal() || !difference.changed_there.empty() ||
        !difference.written_here.empty())
      out.push_back(std::move(difference));
  }
  return out;
}

Status JoinComparison::CompareTable(NodeId node, TableDifference* out) {
  const VerifyQuestion question{.kind = QuestionKind::kBuckets, .table = out->table};
  HL_ASSIGN(const VerifyAnswer own, Here(question));
  HL_ASSIGN(const VerifyAnswer other, There({.what = question}, node));
  const auto& a = own.As<BucketDigests>();
  const auto& b = other.As<BucketDigests>();
  if (b.images.size() != kVerifyBuckets)
    return MakeError(ErrorCode::kRetryLater, "an answer was not whole");
  std::vector<size_t> buckets;
  for (size_t i = 0; i < kVerifyBuckets; ++i)
    if (a.images[i] != b.images[i]) buckets.push_back(i);
  for (size_t i = 0; i < buckets.size(); i += kBucketsAtOnce) {
    const size_t end = std::min(i + kBucketsAtOnce, buckets.size());
    HL_TRY(CompareBuckets({buckets.begin() + static_cast<std::ptrdiff_t>(i),
                           buckets.begin() + static_cast<std::ptrdiff_t>(end)},
                          node, out));
  }
  return Ok();
}

// Compares the rows of some buckets. If an answer does not hold all of them, the buckets are halved
// and asked for again.
Status JoinComparison::CompareBuckets(const std::vector<size_t>& buckets, NodeId node,
                                      TableDifference* out) {
  const VerifyQuestion question{QuestionKind::kRows, out->table, buckets};
  HL_ASSIGN(const VerifyAnswer own, Here(question));
  HL_ASSIGN(const VerifyAnswer other_node, There({.what = question}, node));
  const auto& here = own.As<BucketRows>();
  const auto& there = other_node.As<BucketRows>();
  if (here.cut || there.cut) {
    if (buckets.size() == 1)
      return MakeError(ErrorCode::kRetryLater, "table {} is too large to be compared row by row",
                       out->table);
    const auto middle = buckets.begin() + static_cast<std::ptrdiff_t>(buckets.size() / 2);
    HL_TRY(CompareBuckets({buckets.begin(), middle}, node, out));
    return CompareBuckets({middle, buckets.end()}, node, out);
  }
  std::map<uint64_t, const RowMark*> theirs;
  for (const RowMark& row : there.rows) theirs[row.key] = &row;
  for (const RowMark& row : here.rows) {
    const auto it = theirs.find(row.key);
    Add(row, it == theirs.end() ? nullptr : it->second, there.had_rows, out);
    if (it != theirs.end()) theirs.erase(it);
  }
  for (const auto& [key, row] : theirs)
    if (!row->versioned && row->image != 0) out->only_there.push_back(*row);
  return Ok();
}

}  // namespace harmonylite::node
