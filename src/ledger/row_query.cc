#include "ledger/row_query.h"

#include <fmt/format.h>

#include "base/mutant.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

using sqlite::Quote;

std::string KeyColumns(std::string_view alias, const schema::Table& table) {
  std::string out;
  for (size_t i = 1; i <= table.key.size(); ++i) out += fmt::format(", {}.k{}", alias, i);
  return out;
}

std::string ImageColumns(std::string_view alias, const schema::Table& table) {
  std::string out;
  for (const std::string& column : table.columns)
    out += fmt::format(", {}.{}", alias, Quote(column));
  return out;
}

std::string KeyMatches(std::string_view row, std::string_view hidden, const schema::Table& table) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{}.{} = {}.k{} COLLATE {}", i == 0 ? "" : " AND ", row,
                       Quote(table.key[i].name), hidden, i + 1, Quote(table.key[i].collation));
  return out;
}

std::string HiddenMatches(std::string_view hidden, std::string_view row,
                          const schema::Table& table) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{}.k{} = +{}.{}", i == 0 ? "" : " AND ", hidden, i + 1, row,
                       Quote(table.key[i].name));
  return out;
}

std::string HiddenKeysEqual(std::string_view indexed, std::string_view other,
                            const schema::Table& table) {
  std::string out;
  for (size_t i = 1; i <= table.key.size(); ++i)
    out += fmt::format("{}{}.k{} = {}.k{}", i == 1 ? "" : " AND ", indexed, i, other, i);
  return out;
}

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
