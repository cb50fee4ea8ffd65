// Writes back the rows that were set aside when their table was dropped by another node.
//
// Threads: the one that uses the connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

struct RestoredRows {
  std::string table;
  int64_t written = 0;                // rows that are in their table again
  int64_t there = 0;                  // rows that were, with these values
  std::vector<std::string> problems;  // what was not written back, and why
};

// Writes the rows of `table` back as ordinary writes of this node, in one transaction, and takes
// them off the list. Of several writes of a row the newest counts. A row that is in the table with
// other values is named in `problems`, unless `overwrite` says that it gives way. kNotFound:
// nothing was set aside for the table, or it is not there; the message says how many rows wait.
// Triggers of the connection must be on.
Result<RestoredRows> RestoreSetAside(sqlite::Connection* db, const schema::LoadOptions& options,
                                     const std::string& table, bool overwrite);

}  // namespace harmonylite::cli
