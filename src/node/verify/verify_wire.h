// The questions and orders about rows that nodes and `harmonylite verify` send each other, and the
// answers, as texts in the registry (docs/formats/verify.md). Any node may ask; every node answers
// for itself.
//
// Threads: pure functions and values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "change/version.h"
#include "node/row_mark.h"

namespace harmonylite::node {

// Prefix of all keys in the registry that belong to comparing rows.
inline constexpr const char* kVerifyPrefix = "verify.";
// Key whose value is the node id whose rows from before HarmonyLite are the cluster's.
inline constexpr const char* kSeedKey = "verify.seed";
// Number of buckets into which the rows of a table fall, by the hash of their keys.
inline constexpr size_t kVerifyBuckets = 1024;
// Most rows that one answer names; the answer is cut there.
inline constexpr size_t kMaxAnswerRows = 20'000;

// The bucket of a row.
size_t BucketOf(uint64_t key_hash);

struct VerifyRequest {
  std::string id;  // letters and digits
  VerifyKind kind = VerifyKind::kDigest;
  std::optional<NodeId> to;  // the node that shall answer; nothing: every node
  std::string table;
  std::vector<size_t> buckets;  // buckets whose rows are wanted, with kRows
  // Rows that something is to be done to, with kJournal, kResend and kRemove. Only key and version
  // count.
  std::vector<RowMark> rows;
  bool operator==(const VerifyRequest&) const = default;
};

// The digests of one table on one node.
struct TableDigest {
  std::string table;
  int64_t rows = 0;  // visible rows
  int64_t shadowed = 0;
  int64_t damaged = 0;
  // There may be rows from before HarmonyLite.
  bool had_rows = false;
  uint64_t images = 0;    // digest of visible rows, without versions
  uint64_t versions = 0;  // digest of visible rows with their versions
  uint64_t shadows = 0;   // digest of shadowed rows with their versions
  bool operator==(const TableDigest&) const = default;
};

// One node's answer. The kind of the request decides which members have a meaning.
struct VerifyAnswer {
  Origin origin;
  // False: the node's first join is not settled, so its rows are not the cluster's yet.
  bool joined = true;
  // True: every change is folded, so exactly those rows are shadowed that should be.
  bool settled = true;
  // Fingerprint of the node's replicated tables. Rows of nodes with another one may look different.
  uint64_t schema = 0;
  change::ProgressVector progress;  // progress of all origins, the node's own included
  std::string failure;              // why there is no answer; empty: there is one
  std::vector<TableDigest> tables;  // with kDigest
  // With kBuckets: digests without and with versions, kVerifyBuckets of each.
  std::vector<uint64_t> images;
  std::vector<uint64_t> versions;
  // With kRows the rows of the wanted buckets; with kDigest some of the damaged rows.
  std::vector<RowMark> rows;
  // With kDigest: the table of each of `rows`.
  std::vector<std::string> row_tables;
  // With kBuckets and kRows: the table may have rows from before HarmonyLite.
  bool had_rows = false;
  // There are more rows than `rows` has.
  bool cut = false;
  // With kJournal, kResend and kRemove: how many rows something was done to.
  int64_t done = 0;
  bool operator==(const VerifyAnswer&) const = default;
};

std::string EncodeVerifyRequest(const VerifyRequest& request);
// kCorruption: `text` is no request.
Result<VerifyRequest> DecodeVerifyRequest(std::string_view id, std::string_view text);
// The answer in pieces, each of which fits a value of the registry.
std::vector<std::string> EncodeVerifyAnswer(const VerifyAnswer& answer);
Result<VerifyAnswer> DecodeVerifyAnswer(const std::vector<std::string_view>& pieces);

std::string VerifyRequestKey(const std::string& id);
// Key of the marker that a node is working on its answer.
std::string VerifyWorkingKey(const std::string& id, NodeId node);
std::string VerifyAnswerKey(const std::string& id, NodeId node, size_t piece);

// The replies to one request: the complete answers, and the nodes that are working on theirs.
struct VerifyReplies {
  std::map<NodeId, VerifyAnswer> answers;
  std::vector<NodeId> working;
};
template <typename Entries>  // map of key to ports::MetaEntry
VerifyReplies CollectReplies(const Entries& entries, const std::string& id);

// The parts of a key that belongs to a reply; used by CollectReplies.
struct ReplyKey {
  std::string id;
  NodeId node;
  bool working = false;
  size_t piece = 0;
};
std::optional<ReplyKey> ParseReplyKey(std::string_view key);
// True if `pieces` are all pieces of an answer: the last one ends with the line `end`.
bool IsWholeAnswer(const std::vector<std::string_view>& pieces);

template <typename Entries>
VerifyReplies CollectReplies(const Entries& entries, const std::string& id) {
  VerifyReplies out;
  std::map<NodeId, std::map<size_t, std::string_view>> pieces;
  for (const auto& [key, entry] : entries) {
    const auto parsed = ParseReplyKey(key);
    if (!parsed || parsed->id != id) continue;
    if (parsed->working)
      out.working.push_back(parsed->node);
    else
      pieces[parsed->node][parsed->piece] = entry.value;
  }
  for (const auto& [node, by_number] : pieces) {
    std::vector<std::string_view> in_order;
    for (const auto& [number, piece] : by_number)
      if (number == in_order.size()) in_order.push_back(piece);
    if (!IsWholeAnswer(in_order)) continue;
    auto answer = DecodeVerifyAnswer(in_order);
    if (answer.ok()) out.answers[node] = std::move(*answer);
  }
  return out;
}

}  // namespace harmonylite::node
