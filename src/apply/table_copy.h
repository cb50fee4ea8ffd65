// Copies the rows of a table into another table of this file that has the same columns by their
// identities. So a table is made anew, and so it is found out for which rows a UNIQUE index has no
// room.
//
// Threads: the rule of the connection. Everything needs the caller's write transaction, without
// triggers and with foreign keys off.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "change/image_codec.h"
#include "change/value.h"
#include "schema/object_row.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// The table into which rows are copied, for as long as that takes.
inline constexpr const char* kTableCopy = "__harmonylite__rebuilt";

// A row that the copy has no room for, because another row has one of its unique values there.
struct ClashingRow {
  change::Row place;         // which row of the source it is
  change::NamedImage image;  // as the copy would have it
};

class TableCopy {
 public:
  // Plans how the rows of `from`, whose columns `seen` has, come into kTableCopy, which is empty
  // and has columns of `wanted`. Rows keep their rowids. `db` is not owned.
  static Result<TableCopy> Plan(sqlite::Connection* db, std::string_view from,
                                const schema::ObjectRow& seen, const schema::ObjectRow& wanted);

  // Copies all rows, or none after an error. kConflict: a constraint of the copy refuses a row.
  Status CopyAll();
  // Copies as many rows as there is room for, and returns the others. kConflict: another constraint
  // than UNIQUE refuses one of them, or they cannot be told apart.
  Result<std::vector<ClashingRow>> CopyWithRoom();
  // Deletes a row of the source.
  Status RemoveFromSource(const change::Row& place);

 private:
  // A column of the copy, or its rowid, and the expression on the source that it is copied from.
  // Both are SQL.
  struct Assignment {
    std::string name;
    std::string source;
  };

  TableCopy(sqlite::Connection* db, std::string from) : db_(db), from_(std::move(from)) {}
  std::string CopySql(std::string_view on_conflict) const;
  // "a = ?1 AND b = ?2", on the source.
  std::string IsPlace() const;
  Result<std::vector<change::Row>> NotCopied();
  Result<change::NamedImage> ImageOf(const change::Row& place);

  sqlite::Connection* db_;
  std::string from_;                  // quoted
  std::vector<std::string> columns_;  // of the copy, without generated ones
  std::vector<Assignment> assignments_;
  std::vector<Assignment> place_;  // those that tell rows apart; empty: nothing does
};

}  // namespace harmonylite::apply
