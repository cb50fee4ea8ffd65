#include "ledger/hash_judge.h"

#include "change/row_hash.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

HashJudge::HashJudge(const schema::Table& table, const RegisteredTable& registered)
    : table_(&table) {
  for (const ColumnNames& names : registered.shapes) {
    std::vector<size_t> positions;
    for (const std::string& name : names)
      for (size_t i = 0; i < table.columns.size(); ++i)
        if (sqlite::SameName(table.columns[i], name)) positions.push_back(i);
    if (positions.size() == names.size())
      shapes_.push_back(std::move(positions));
    else
      lost_column_ = true;
  }
}

HashJudge::Verdict HashJudge::Judge(std::span<const change::ValueView> image,
                                    int64_t stored) const {
  if (stored == 0) return kUndecidable;
  if (stored == kUnsettledHash) return kChanged;
  std::vector<uint64_t> hashes(image.size());
  for (size_t i = 0; i < image.size(); ++i)
    hashes[i] = change::HashColumn(table_->column_seeds[i], image[i]);
  for (const std::vector<size_t>& positions : shapes_) {
    uint64_t sum = 0;
    for (const size_t position : positions) sum += hashes[position];
    if (static_cast<int64_t>(sum == 0 ? 1 : sum) == stored) return kSame;
  }
  return lost_column_ ? kUndecidable : kChanged;
}

}  // namespace harmonylite::ledger
