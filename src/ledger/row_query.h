// Pieces of SQL that fetch a row's key and image, and the reader of what they return.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "change/value.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// ", a.k1, a.k2": the key columns of the journal or a version table.
std::string KeyColumns(std::string_view alias, const schema::Table& table);
// ", a."x", a."y"": all columns of an image.
std::string ImageColumns(std::string_view alias, const schema::Table& table);
// `row` is the application's table, `hidden` a table with k1, k2, …: the same key, by the key's index.
std::string KeyMatches(std::string_view row, std::string_view hidden, const schema::Table& table);
// The same, by the hidden table's own index. '+' takes the column's affinity away, with which SQLite could
// not use that index.
std::string HiddenMatches(std::string_view hidden, std::string_view row, const schema::Table& table);
// Both have k1, k2, …; `indexed` is a version table.
std::string HiddenKeysEqual(std::string_view indexed, std::string_view other,
                            const schema::Table& table);

// Reads KeyColumns followed by ImageColumns. Views are valid until the next Read and the statement's next step.
class RowReader {
 public:
  RowReader(const schema::Table& table, int first_column);
  void Read(const sqlite::Statement& statement);
  // As Read, of a query in which the image a shadow table has of the row follows: a row that is not in its
  // table but shadowed exists.
  Status ReadShadowed(const sqlite::Statement& statement);
  // The row exists.
  bool present() const { return present_; }
  std::span<const change::ValueView> key() const { return key_; }
  // The key as the row itself spells it; empty when the row does not exist.
  std::span<const change::ValueView> ImageKey();
  // All columns; empty when the row does not exist.
  std::span<const change::ValueView> image() const;

 private:
  const schema::Table* table_;
  int first_column_;
  bool present_ = false;
  std::vector<change::ValueView> key_;
  std::vector<change::ValueView> image_;
  std::vector<change::ValueView> image_key_;
  change::Row shadow_;  // what image_ points to when the row is shadowed
};

}  // namespace harmonylite::ledger
