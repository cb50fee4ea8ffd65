// Writes the losing side of a conflict back, as an ordinary write of this node.
//
// Threads: the one that uses the connection.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/conflict_log.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

struct Assignment {
  std::string column;
  std::string value;  // NULL, a number, or otherwise text; the column's affinity decides
};

// Returns the row that lost, in the columns that the table has today, with the values of `sets`.
// Columns that were added since are left out. kInvalidArgument: `sets` names another column.
Result<change::NamedImage> KeptRow(const schema::Table& table,
                                   const ledger::ListedConflict& conflict,
                                   const std::vector<Assignment>& sets);

// True if the row of the conflict was given its id by SQLite, and another row has that id now.
bool LostItsId(const ledger::Catalog& catalog, const ledger::ListedConflict& conflict);

// Returns an error if VACUUM has run and the sidecar has not looked at the file since: until then,
// rows without a key cannot be found. It is asked in the transaction that looks for rows.
Status CanFindRows(sqlite::Connection* db);

// Inserts a row with the values of the columns that it has. kConflict: a constraint prevents it.
// kInvalidArgument: a trigger leaves the row out.
Status InsertRow(sqlite::Connection* db, const schema::Table& table, const change::NamedImage& row);

// Removes a conflict that is kept in the list; one that the tables tell stays.
Status TakeOffTheList(sqlite::Connection* db, const ledger::ListedConflict& conflict);

// True if the table has every column of the image.
bool HasAllColumns(const schema::Table& table, const change::NamedImage& image);

// Writes the losing row back in the caller's write transaction, as Restore does, and takes off the
// list what may not or need not be written back again. The loser has an image.
Status WriteBack(sqlite::Connection* db, const ledger::Catalog& catalog,
                 const ledger::TrackedTable& tracked, const ledger::ListedConflict& conflict,
                 const std::vector<Assignment>& sets);

// Writes the losing row back with the values of `sets`, or repeats the delete if the losing write
// was a delete. Triggers of the connection must be on, so that the write is captured and the
// application's own triggers run. kConflict: a constraint prevents the write; for a shadowed row
// that is usually its unique value.
Status Restore(sqlite::Connection* db, const ledger::Catalog& catalog,
               const ledger::ListedConflict& conflict, const std::vector<Assignment>& sets);

}  // namespace harmonylite::cli
