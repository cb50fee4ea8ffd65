// What nodes, and `harmonylite verify`, ask each other about their rows, as entries of the registry.
// Format: docs/formats/verify.md. Pure.
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

inline constexpr const char* kVerifyPrefix = "verify.";
// The node whose rows from before HarmonyLite are the cluster's.
inline constexpr const char* kSeedKey = "verify.seed";
inline constexpr size_t kVerifyBuckets = 1024;
// Of rows named in one answer; what is beyond is cut off.
inline constexpr size_t kMaxAnswerRows = 20'000;

size_t BucketOf(uint64_t key_hash);

struct VerifyRequest {
  std::string id;                // letters and digits
  VerifyKind kind = VerifyKind::kDigest;
  std::optional<NodeId> to;      // nobody: every node
  std::string table;
  std::vector<size_t> buckets;   // kRows
  std::vector<RowMark> rows;     // the last three: key and version count
  bool operator==(const VerifyRequest&) const = default;
};

struct TableDigest {
  std::string table;
  int64_t rows = 0;        // visible
  int64_t shadowed = 0;
  int64_t damaged = 0;
  bool had_rows = false;   // there may be rows from before HarmonyLite
  uint64_t images = 0;     // over visible rows
  uint64_t versions = 0;   // likewise, with their versions
  uint64_t shadows = 0;    // over shadowed rows, with their versions
  bool operator==(const TableDigest&) const = default;
};

struct VerifyAnswer {
  Origin origin;
  bool joined = true;                // its rows count as the cluster's
  bool settled = true;               // everything is folded: what it shadows is what it should
  uint64_t schema = 0;               // fingerprint of its replicated tables: images of others are no difference
  change::ProgressVector progress;   // of all origins, itself included
  std::string failure;               // not empty: why there is no answer
  std::vector<TableDigest> tables;   // kDigest
  // kBuckets: digests over images, and over versions; kVerifyBuckets each.
  std::vector<uint64_t> images;
  std::vector<uint64_t> versions;
  std::vector<RowMark> rows;         // kRows; with kDigest rows that are damaged, some of them
  std::vector<std::string> row_tables;  // with kDigest: the table of each of `rows`
  bool had_rows = false;             // kBuckets, kRows: of the table
  bool cut = false;                  // there are more rows
  int64_t done = 0;                  // the last three kinds: rows
  bool operator==(const VerifyAnswer&) const = default;
};

std::string EncodeVerifyRequest(const VerifyRequest& request);
// kCorruption for anything else.
Result<VerifyRequest> DecodeVerifyRequest(std::string_view id, std::string_view text);
// In pieces that fit the registry.
std::vector<std::string> EncodeVerifyAnswer(const VerifyAnswer& answer);
Result<VerifyAnswer> DecodeVerifyAnswer(const std::vector<std::string_view>& pieces);

std::string VerifyRequestKey(const std::string& id);
// Says that the node is at it.
std::string VerifyWorkingKey(const std::string& id, NodeId node);
std::string VerifyAnswerKey(const std::string& id, NodeId node, size_t piece);

// Whose answers to one request are complete, and who is at it, from a listing of the registry.
struct VerifyReplies {
  std::map<NodeId, VerifyAnswer> answers;
  std::vector<NodeId> working;
};
template <typename Entries>  // map of key to ports::MetaEntry
VerifyReplies CollectReplies(const Entries& entries, const std::string& id);

// Implementation of CollectReplies for one node's pieces and marks.
struct ReplyKey {
  std::string id;
  NodeId node;
  bool working = false;
  size_t piece = 0;
};
std::optional<ReplyKey> ParseReplyKey(std::string_view key);
// True when these are all pieces of an answer.
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
