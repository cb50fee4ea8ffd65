// The foreign keys of a table, as its schema declares them.
//
// Threads: as the connection.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::schema {

struct ForeignKey {
  std::string parent;                       // as it is written; there may be no such table
  std::vector<std::string> columns;         // of the table that declares it
  std::vector<std::string> parent_columns;  // as many; empty: the parent's primary key, and it has none
  // The values of both sides are stored and compared in the same way, so that equal values are equal on
  // either side, whatever SQLite compares them by.
  bool alike = false;
  std::vector<std::string> collations;  // of the parent's columns, by which SQLite compares
};

// In the order in which they are declared.
Result<std::vector<ForeignKey>> ListForeignKeys(sqlite::Connection* db, const std::string& table);

}  // namespace harmonylite::schema
