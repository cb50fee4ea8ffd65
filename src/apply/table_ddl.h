// Changes one table as its row in `schema` says: the cheap ways that SQLite has, and making it
// anew.
//
// Threads: the rule of the connection. All need the caller's write transaction, without triggers
// and with foreign keys off.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apply/table_copy.h"
#include "base/result.h"
#include "schema/object_row.h"
#include "schema/table_text.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// kSchemaMismatch: a table cannot be brought in line.
Error NotInLine(const schema::ObjectRow& table, std::string_view why);
// Returns an error of SQLite as one that holds the batch, unless trying again may help.
Error HeldUp(const schema::ObjectRow& table, Error error);

// Returns the definition that a table is to have, if it has `have` now. Columns that others dropped
// stay if this file keeps them.
Result<schema::TableText> WantedTable(const schema::ObjectRow& wanted,
                                      const schema::TableText& have, bool keeps_dropped);
// Returns the definition that a table of this file has now.
Result<schema::TableText> PresentTable(sqlite::Connection* db, const std::string& table);
// Returns the columns of this file that are to go, by their names here. Others may come in their
// place, with the same names and definitions.
std::vector<std::string> LostColumns(const schema::ObjectRow& have,
                                     const schema::ObjectRow& wanted);
// True if the table has the wanted definition, whatever the order of its columns.
Result<bool> IsInLine(sqlite::Connection* db, const schema::ObjectRow& wanted, bool keeps_dropped);
// True if the columns have the wanted order, which counts for INSERTs that name no columns. It is
// no reason by itself to make a table anew: files may join with columns in another order.
Result<bool> IsInOrder(sqlite::Connection* db, const schema::ObjectRow& wanted);

// These three leave what SQLite refuses to RebuildTable. `have` follows what is renamed. Returns
// whether a column was.
Result<bool> RenameColumns(sqlite::Connection* db, const schema::ObjectRow& wanted,
                           schema::ObjectRow* have);
Status DropColumns(sqlite::Connection* db, const std::vector<std::string>& columns,
                   const std::string& table);
Status AddColumns(sqlite::Connection* db, const schema::ObjectRow& seen,
                  const schema::ObjectRow& wanted);
// Makes a table anew, as SQLite's documentation advises for changes that ALTER TABLE cannot make.
// Rows keep their rowids. `seen` says which columns had which names before. `clashing` gets the
// rows for which the new table has no room; with null, such rows are an error.
Status RebuildTable(sqlite::Connection* db, const schema::ObjectRow& seen,
                    const schema::ObjectRow& wanted, bool keeps_dropped,
                    std::vector<ClashingRow>* clashing);
// Takes rows out of a table so that a UNIQUE index of this text can be made, and returns them. Of
// rows that clash with each other, at least one stays.
Result<std::vector<ClashingRow>> TakeOutClashing(sqlite::Connection* db,
                                                 const schema::ObjectRow& table,
                                                 const schema::ObjectRow& index,
                                                 const std::string& sql);

}  // namespace harmonylite::apply
