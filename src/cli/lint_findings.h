// Finds what in a database will not replicate, or will collide when several nodes write, and says
// what to do about it. P9: what cannot be promised is said.
//
// Threads: the one that uses the connection.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

enum class Severity {
  kFine,     // looks dangerous, but is not
  kNote,     // good to know
  kWarning,  // works, but surprises when several nodes write
  kProblem,  // does not replicate
};

struct Finding {
  Severity severity = Severity::kNote;
  std::string table;  // empty if the finding concerns the whole database
  std::string what;
  std::string advice;  // may be empty
};

// Returns the findings about the database, then those about each table. `db` should be able to
// write, so that SQLite compiles statements as it does for a node, but it is only read, in a
// transaction of its own. Counts rows, which visits every page of the smallest index of each table.
Result<std::vector<Finding>> Lint(sqlite::Connection* db, const schema::LoadOptions& options);

}  // namespace harmonylite::cli
