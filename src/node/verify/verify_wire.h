// The questions and orders about rows that nodes and `harmonylite verify` send each other, and the
// answers, as texts in the registry (docs/formats/verify.md). Any node may ask; every node answers
// for itself.
//
// Threads: pure functions and values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "change/version.h"
#include "node/row_mark.h"

namespace harmonylite::node {

// Number of buckets into which the rows of a table fall, by the hash of their keys.
inline constexpr size_t kVerifyBuckets = 1024;
// Most rows that one answer names; the answer is cut there.
inline constexpr size_t kMaxAnswerRows = 20'000;

// The bucket of a row.
size_t BucketOf(uint64_t key_hash);

enum class QuestionKind {
  kDigest,   // digests of all tables
  kBuckets,  // digests of one table's rows, by buckets of key hashes
  kRows,     // the rows of some buckets of one table
};

struct VerifyQuestion {
  QuestionKind kind = QuestionKind::kDigest;
  std::string table = {};            // empty with kDigest
  std::vector<size_t> buckets = {};  // buckets whose rows are wanted, with kRows
  bool operator==(const VerifyQuestion&) const = default;
};

// Rows of one table that something is to be done to, each only if it still has the version of its
// mark. Of the marks, only key and version count.
struct VerifyOrder {
  OrderKind kind = OrderKind::kJournal;
  std::string table;
  std::vector<RowMark> rows;
  bool operator==(const VerifyOrder&) const = default;
};

struct VerifyRequest {
  std::string id = {};            // letters and digits
  std::optional<NodeId> to = {};  // the node that shall answer; nothing: every node
  std::variant<VerifyQuestion, VerifyOrder> what = {};
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
  // A number for the UNIQUE indexes, which decide what is shadowed: nodes may have others while a
  // migration is under way, or where rows keep one from being made.
  uint64_t uniques = 0;
  bool operator==(const TableDigest&) const = default;
};

// A row, and the table that it is in.
struct NamedRow {
  std::string table;
  RowMark mark;
  bool operator==(const NamedRow&) const = default;
};

// The answer to kDigest.
struct TableDigests {
  std::vector<TableDigest> tables;
  std::vector<NamedRow> damaged;  // some of the damaged rows
  bool operator==(const TableDigests&) const = default;
};

// The answer to kBuckets.
struct BucketDigests {
  bool had_rows = false;  // the table may have rows from before HarmonyLite
  // Digests without and with versions, kVerifyBuckets of each.
  std::vector<uint64_t> images;
  std::vector<uint64_t> versions;
  bool operator==(const BucketDigests&) const = default;
};

// The answer to kRows.
struct BucketRows {
  bool had_rows = false;  // the table may have rows from before HarmonyLite
  std::vector<RowMark> rows;
  bool cut = false;  // there are more rows in these buckets
  bool operator==(const BucketRows&) const = default;
};

// The answer to an order.
struct RowsTouched {
  int64_t rows = 0;  // how many rows something was done to
  bool operator==(const RowsTouched&) const = default;
};

// There is no answer.
struct VerifyFailure {
  std::string why;
  bool operator==(const VerifyFailure&) const = default;
};

// One node's answer: what holds for the node, and what it was asked for, or why that is missing.
struct VerifyAnswer {
  Origin origin;
  // False: the node's first join is not settled, so its rows are not the cluster's yet.
  bool joined = true;
  // False: the node may lack rows from before HarmonyLite that others have.
  bool compared = true;
  // True: every change is folded, so exactly those rows are shadowed that should be.
  bool settled = true;
  // Fingerprint of the node's replicated tables. Rows of nodes with another one may look different.
  uint64_t schema = 0;
  change::ProgressVector progress = {};  // progress of all origins, the node's own included
  std::variant<TableDigests, BucketDigests, BucketRows, RowsTouched, VerifyFailure> body = {};
  bool operator==(const VerifyAnswer&) const = default;

  // The text of a VerifyFailure; null: the body is what the request asked for.
  const std::string* failure() const {
    const auto* failed = std::get_if<VerifyFailure>(&body);
    return failed == nullptr ? nullptr : &failed->why;
  }
  // The body as what the request asked for. There must be no failure.
  template <typename Body>
  const Body& As() const {
    const Body* as = std::get_if<Body>(&body);
    HL_CHECK(as != nullptr);
    return *as;
  }
  template <typename Body>
  Body& As() {
    return const_cast<Body&>(std::as_const(*this).template As<Body>());
  }
};

std::string EncodeVerifyRequest(const VerifyRequest& request);
// kCorruption: `text` is no request.
Result<VerifyRequest> DecodeVerifyRequest(std::string_view id, std::string_view text);
// The answer in pieces, each of which fits a value of the registry.
std::vector<std::string> EncodeVerifyAnswer(const VerifyAnswer& answer);
// Reads an answer to `request`. An answer does not say what it answers, so the request decides its
// body. kCorruption: the pieces are no answer.
Result<VerifyAnswer> DecodeVerifyAnswer(const VerifyRequest& request,
                                        const std::vector<std::string_view>& pieces);

}  // namespace harmonylite::node
