#include "ledger/row_query.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutant.h"
#include "ledger/key_sql.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

Result<ImageQuery> ImageQuery::Make(sqlite::Connection* db, const schema::Table& table) {
  ImageQuery out;
  const size_t most = db->max_columns();
  for (size_t first = 0; first < table.columns.size(); first += most) {
    std::string names;
    for (size_t i = first; i < std::min(first + most, table.columns.size()); ++i)
      names += (names.empty() ? "" : ", ") + ColumnIn("", table, table.columns[i]);
    HL_ASSIGN(sqlite::Statement part,
              db->Prepare(fmt::format("SELECT {} FROM {} WHERE {}", names,
                                      sqlite::Quote(table.name), RowKeyIs(table))));
    out.parts_.push_back(std::move(part));
  }
  return out;
}

Result<bool> ImageQuery::Find(std::span<const change::ValueView> key,
                              std::vector<change::ValueView>* image) {
  Reset();
  image->clear();
  for (sqlite::Statement& part : parts_) {
    part.BindAll(key);
    HL_ASSIGN(const bool found, part.Step());
    if (!found) return false;
    for (int i = 0; i < part.columns(); ++i) image->push_back(part.Column(i));
  }
  return true;
}

void ImageQuery::Reset() {
  for (sqlite::Statement& part : parts_) part.Reset();
}

RowReader::RowReader(sqlite::Connection* db, const schema::Table& table, int first_column)
    : db_(db),
      table_(&table),
      first_column_(first_column),
      key_(table.key.size()),
      image_(table.columns.size()) {}

Status RowReader::Read(const sqlite::Statement& statement) {
  int column = first_column_;
  for (change::ValueView& value : key_) value = statement.Column(column++);
  // A replicated row has no NULL in its key, and every column is NULL if the join found no row.
  const uint32_t key_at = table_->wide ? 0 : table_->key_positions[0];
  present_ = !statement.IsNull(column + static_cast<int>(key_at));
  if (!present_) return Ok();
  if (table_->wide) return ReadWide(statement, column);
  for (change::ValueView& value : image_) value = statement.Column(column++);
  return Ok();
}

// A row that is not found has NULL in a later column of its key. It exists on this node only and is
// passed over like one that has NULL in the first.
Status RowReader::ReadWide(const sqlite::Statement& statement, int column) {
  if (!wide_) {
    HL_ASSIGN(wide_, ImageQuery::Make(db_, *table_));
  }
  image_key_.clear();
  for (size_t i = 0; i < table_->key.size(); ++i) image_key_.push_back(statement.Column(column++));
  HL_ASSIGN(present_, wide_->Find(image_key_, &image_));
  return Ok();
}

Status RowReader::ReadShadowed(const sqlite::Statement& statement) {
  HL_TRY(Read(statement));
  const size_t selected = table_->wide ? table_->key.size() : table_->columns.size();
  const int column = first_column_ + static_cast<int>(key_.size() + selected);
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
