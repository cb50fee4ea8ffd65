// Reads a row's key and image from a query that selects them (ledger/key_sql.h).
//
// Threads: a RowReader is used by the thread that steps its statement.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "change/value.h"
#include "schema/schema.h"
#include "sqlite/connection.h"
#include "sqlite/statement.h"

namespace harmonylite::ledger {

// Reads the image of one row at a time by the row's key. It takes several queries if the row has
// more columns than the result of a query may have.
class ImageQuery {
 public:
  static Result<ImageQuery> Make(sqlite::Connection* db, const schema::Table& table);

  // Reads all columns of the row with this key into `image`. Returns false if there is no such row.
  // The views are valid until the next Find or Reset.
  Result<bool> Find(std::span<const change::ValueView> key, std::vector<change::ValueView>* image);
  // Ends the queries of the last Find, which would otherwise keep their read transaction open.
  void Reset();

 private:
  std::vector<sqlite::Statement> parts_;  // each selects some of the columns, in their order
};

// Reads a row's key and image from a query that selects KeyColumns and then ImageColumns. Views are
// valid until the next Read or the statement's next step.
class RowReader {
 public:
  // `db` is the connection of the query. It is not owned and outlives the reader, as `table` does.
  RowReader(sqlite::Connection* db, const schema::Table& table, int first_column);
  Status Read(const sqlite::Statement& statement);
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
  // Reads the image of a wide table's row, whose key is in the columns from `column` on.
  Status ReadWide(const sqlite::Statement& statement, int column);

  sqlite::Connection* db_;
  const schema::Table* table_;
  int first_column_;
  bool present_ = false;
  std::vector<change::ValueView> key_;
  std::vector<change::ValueView> image_;
  std::vector<change::ValueView> image_key_;
  change::Row shadow_;              // owns the values that image_ points to if the row is shadowed
  std::optional<ImageQuery> wide_;  // made for the first row of a wide table
};

}  // namespace harmonylite::ledger
