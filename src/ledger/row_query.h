// Reads a row's key and image from a query that selects them (ledger/key_sql.h).
//
// Threads: a RowReader is used by the thread that steps its statement.
#pragma once

#include <span>
#include <vector>

#include "change/value.h"
#include "schema/schema.h"
#include "sqlite/statement.h"

namespace harmonylite::ledger {

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
