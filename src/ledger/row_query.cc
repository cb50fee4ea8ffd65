#include "ledger/row_query.h"

#include "base/mutant.h"
#include "ledger/shadows.h"

namespace harmonylite::ledger {

RowReader::RowReader(const schema::Table& table, int first_column)
    : table_(&table),
      first_column_(first_column),
      key_(table.key.size()),
      image_(table.columns.size()) {}

void RowReader::Read(const sqlite::Statement& statement) {
  int column = first_column_;
  for (change::ValueView& value : key_) value = statement.Column(column++);
  // A replicated row has no NULL in its key, and every column is NULL if the join found no row.
  present_ = !statement.IsNull(column + static_cast<int>(table_->key_positions[0]));
  if (!present_) return;
  for (change::ValueView& value : image_) value = statement.Column(column++);
}

Status RowReader::ReadShadowed(const sqlite::Statement& statement) {
  Read(statement);
  const int column = first_column_ + static_cast<int>(key_.size() + image_.size());
  if (present_ || statement.IsNull(column) || HL_MUTANT(shadowed_sent_as_deleted)) return Ok();
  HL_ASSIGN(shadow_, DecodeShadow(statement.Column(column).bytes, *table_));
  image_.assign(shadow_.begin(), shadow_.end());
  present_ = true;
  return Ok();
}

std::span<const change::ValueView> RowReader::ImageKey() {
  image_key_.clear();
  if (present_)
    for (const uint32_t position : table_->key_positions) image_key_.push_back(image_[position]);
  return image_key_;
}

std::span<const change::ValueView> RowReader::image() const {
  if (!present_) return {};
  return image_;
}

}  // namespace harmonylite::ledger
