// Pieces of SQL that select a row's key and image or compare row keys, and the reader of what they
// select.
//
// Threads: the functions are pure; a RowReader is used by the thread that steps its statement.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "change/value.h"
#include "schema/schema.h"
#include "sqlite/statement.h"

namespace harmonylite::ledger {

// Returns ", a.k1, a.k2": the key columns of a hidden table that is called `alias`.
std::string KeyColumns(std::string_view alias, const schema::Table& table);
// Returns ", a."x", a."y"": all columns of an image, from the application's table called `alias`.
std::string ImageColumns(std::string_view alias, const schema::Table& table);
// Returns the condition that a row of the application's table, called `row`, and one of a hidden
// table with k1, k2, …, called `hidden`, have the same key. It is written so that SQLite can search
// the application's table by the index of its key.
std::string KeyMatches(std::string_view row, std::string_view hidden, const schema::Table& table);
// Returns the same condition as KeyMatches, written so that SQLite can search the hidden table by
// its own index. A '+' takes away the affinity of the application's column, with which SQLite could
// not use that index.
std::string HiddenMatches(std::string_view hidden, std::string_view row,
                          const schema::Table& table);
// Returns the condition that two hidden tables with k1, k2, … have the same key. `indexed` is a
// version or shadow table: its collations decide, and its index can be searched.
std::string HiddenKeysEqual(std::string_view indexed, std::string_view other,
                            const schema::Table& table);

// Reads a row's key and image from a query that selects KeyColumns and then ImageColumns. Views are
// valid until the next Read or the statement's next step.
class RowReader {
 public:
  RowReader(const schema::Table& table, int first_column);
  void Read(const sqlite::Statement& statement);
  // Reads from a query that selects, after those columns, the image that the shadow table keeps of
  // the row. A row that is not in its table but is shadowed counts as present.
  Status ReadShadowed(const sqlite::Statement& statement);
  // True if the row that was read last exists.
  bool present() const { return present_; }
  // The key as the hidden table spells it.
  std::span<const change::ValueView> key() const { return key_; }
  // The key as the row itself spells it; empty if the row does not exist.
  std::span<const change::ValueView> ImageKey();
  // All columns of the row; empty if the row does not exist.
  std::span<const change::ValueView> image() const;

 private:
  const schema::Table* table_;
  int first_column_;
  bool present_ = false;
  std::vector<change::ValueView> key_;
  std::vector<change::ValueView> image_;
  std::vector<change::ValueView> image_key_;
  change::Row shadow_;  // owns the values that image_ points to if the row is shadowed
};

}  // namespace harmonylite::ledger
