// Whether a row is what its version says: its hash against the one that was taken when it was written.
//
// Threads: values.
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
    kUndecidable,  // a column that the hash was taken over is gone, or no hash was kept
  };

  // `table` outlives the judge.
  HashJudge(const schema::Table& table, const RegisteredTable& registered);

  // The hash is right if it is right for any list of columns that the table ever had.
  Verdict Judge(std::span<const change::ValueView> image, int64_t stored) const;

 private:
  const schema::Table* table_;
  // Of each former list of columns: positions in today's.
  std::vector<std::vector<size_t>> shapes_;
  bool lost_column_ = false;  // some former list has a column that is gone
};

}  // namespace harmonylite::ledger
