// Judges whether a row is what its version says, by comparing its hash with the one that was taken
// when the row was written.
//
// The columns of the table may have changed since then, and a version does not tell over which
// columns its hash was taken. The judge therefore tries every list of columns that the table ever
// had.
// Threads: a HashJudge is not changed after it is made.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "change/value.h"
#include "ledger/registry.h"
#include "schema/schema.h"

namespace harmonylite::ledger {

class HashJudge {
 public:
  enum Verdict {
    kSame,
    kChanged,
    kUndecidable,  // the hash may include a column that is gone, or no hash was kept
  };

  // `table` must outlive the judge.
  HashJudge(const schema::Table& table, const RegisteredTable& registered);

  // `image` is the row in today's columns, and `stored` the hash in its version. The row counts as
  // unchanged if the hash is right for any list of columns that the table ever had.
  Verdict Judge(std::span<const change::ValueView> image, int64_t stored) const;

 private:
  const schema::Table* table_;
  // For each list of columns that the table ever had and of which no column is gone: where in
  // today's columns they are.
  std::vector<std::vector<size_t>> shapes_;
  bool lost_column_ = false;  // true if a former list has a column that is gone
};

}  // namespace harmonylite::ledger
