// Answers a question about this node's rows, from one look at them: digests of all tables, of one table's
// buckets, or the rows of some buckets. Reads only; piece by piece.
//
// A digest is the sum of one hash per row, key and column names included, so that neither the order of rows nor
// that of tables or columns counts. Tombstones are not in it. Threads: as capture/row_survey.h.
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

// The same for all spellings that the key's index holds equal.
uint64_t KeyHash(const schema::Table& table, std::span<const change::ValueView> key);
// The row key as SQL spells its values, cut where it is long.
std::string KeyText(std::span<const change::ValueView> key);

class Digest {
 public:
  // `request`: of the first three kinds. kRetryLater: as RowSurvey::Begin.
  static Result<Digest> Begin(sqlite::Connection* db, const NodeOptions& options, const VerifyRequest& request);

  // Looks at about so many rows. True: answer() is complete.
  Result<bool> Advance(int64_t rows);
  const VerifyAnswer& answer() const { return answer_; }

 private:
  Digest(capture::RowSurvey survey, const VerifyRequest& request);
  Status Add(const capture::SurveyedRow& row);
  RowMark Mark(const capture::SurveyedRow& row, uint64_t key, uint64_t image) const;

  capture::RowSurvey survey_;
  VerifyKind kind_;
  std::set<size_t> wanted_;              // buckets
  std::map<int64_t, size_t> positions_;  // table id → in answer_.tables
  VerifyAnswer answer_;
};

// The rows that a request names, of those that are still under the version that it names.
struct NamedRows {
  std::string table;
  std::vector<change::Row> keys;
  std::vector<RowMark> marks;  // as many: as they are now
};
Result<NamedRows> FindRows(sqlite::Connection* db, const NodeOptions& options, const VerifyRequest& request);

}  // namespace harmonylite::node
