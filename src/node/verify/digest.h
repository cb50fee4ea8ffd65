// Answers a question about this node's rows: digests of all tables, digests of one table's buckets,
// or the rows of some buckets. It only reads, piece by piece, in one read transaction.
//
// A digest is the sum of one hash per row. The hash covers key and column names, so neither the
// order of rows nor that of tables or columns counts. Tombstones are not in it.
// (docs/formats/verify.md)
//
// Threads: one owner at a time; the connection belongs to it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/row_survey.h"
#include "node/options.h"
#include "node/verify/verify_wire.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

// Hash of a row key; the same for all spellings that the key's index holds equal.
uint64_t KeyHash(const schema::Table& table, std::span<const change::ValueView> key);
// The row key as SQL literals, cut if it is long.
std::string KeyText(std::span<const change::ValueView> key);

class Digest {
 public:
  // Begins the read transaction. kRetryLater: see RowSurvey::Begin. kNotFound: there is no such
  // table.
  static Result<Digest> Begin(sqlite::Connection* db, const NodeOptions& options,
                              const VerifyQuestion& question);

  // Looks at about `rows` rows. True: answer() is complete.
  Result<bool> Advance(int64_t rows);
  const VerifyAnswer& answer() const { return answer_; }

 private:
  // A row as Add() has hashed it.
  struct Hashed {
    RowMark mark;          // without its key text
    uint64_t version = 0;  // hash of the row with its version
  };

  Digest(capture::RowSurvey survey, const VerifyQuestion& question);
  Status Add(const capture::SurveyedRow& row);
  // Each adds a row to the answer to one kind of question.
  void AddTo(TableDigests* answer, const capture::SurveyedRow& row, const Hashed& hashed) const;
  static void AddTo(BucketDigests* answer, const Hashed& hashed);
  void AddTo(BucketRows* answer, const capture::SurveyedRow& row, const Hashed& hashed) const;

  capture::RowSurvey survey_;
  std::set<size_t> wanted_;              // buckets that a kRows question asks for
  std::map<int64_t, size_t> positions_;  // table id → its index in TableDigests::tables
  VerifyAnswer answer_;
};

// Those rows named by an order that still have the version that it names.
struct NamedRows {
  std::string table;
  std::vector<change::Row> keys;
  std::vector<RowMark> marks;  // one for each of `keys`, as the row is now
};
// Finds the rows of an order by their key hashes, which takes a pass over the table.
Result<NamedRows> FindRows(sqlite::Connection* db, const NodeOptions& options,
                           const std::string& table, const std::vector<RowMark>& named);

}  // namespace harmonylite::node
