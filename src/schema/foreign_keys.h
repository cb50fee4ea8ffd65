// Reads the foreign keys of a table, as its schema declares them.
//
// Threads: the functions run on the thread that uses the connection. ForeignKey is a plain value.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::schema {

struct ForeignKey {
  std::string parent;                // the parent's name as declared; the table may not exist
  std::vector<std::string> columns;  // the referring columns of the table that declares the key
  // The columns that `columns` refer to, one each. Empty if the declaration names none and the
  // parent has no primary key of as many columns.
  std::vector<std::string> parent_columns;
  // True if each pair of columns has the same affinity and collation. Two values of a pair are then
  // equal by the rules of the child's column exactly if they are equal by those of the parent's.
  bool alike = false;
  // The collations of the parent's columns. SQLite compares by these.
  std::vector<std::string> collations;
};

// Returns the foreign keys of `table` in the order in which they are declared.
Result<std::vector<ForeignKey>> ListForeignKeys(sqlite::Connection* db, const std::string& table);

// Returns the tables, in folded case, of which a deleted row may change or delete other rows of the
// same table: by the actions of foreign keys, or by a trigger of the application on a table that
// these actions reach. Of an action that runs only on updates, both is assumed.
Result<std::set<std::string>> TablesThatActOnThemselves(sqlite::Connection* db);

}  // namespace harmonylite::schema
