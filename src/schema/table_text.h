// Takes the text of a CREATE TABLE apart into its definitions, and puts definitions together again.
//
// SQLite stores such a text as the application wrote it, and edits it when a table is altered. So
// this reads any text that SQLite accepts; comments are left out.
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace harmonylite::schema {

// The definition of one column: its name, and all of its text, which begins with the name.
struct ColumnText {
  std::string name;  // without quotes
  std::string sql;
};

struct TableText {
  std::vector<ColumnText> columns;
  std::vector<std::string> constraints;  // of the whole table, in their order
  std::string options;                   // what follows the parenthesis: WITHOUT ROWID, STRICT

  const ColumnText* Find(std::string_view column) const;
};

// kInvalidArgument: the text is not a CREATE TABLE with columns in parentheses.
Result<TableText> ParseTable(std::string_view create_sql);

// Returns a CREATE TABLE of these definitions.
std::string CreateTableSql(const std::string& name, const TableText& table);

// True if both define the same table, whatever their spelling and the order of their columns and
// constraints. Names of tables are not compared.
bool SameDefinition(const TableText& a, const TableText& b);

// Returns the definition of a column under another name. Other texts that name the column, such as
// CHECKs and other columns' expressions, are not changed.
ColumnText Renamed(const ColumnText& column, const std::string& name);

}  // namespace harmonylite::schema
