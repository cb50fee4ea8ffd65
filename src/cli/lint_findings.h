// What in a database will not replicate, or will collide when several nodes write, and what to do about it.
//
// Threads: as the connection.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

enum class Severity {
  kFine,     // looks dangerous and is not
  kNote,     // good to know
  kWarning,  // works, and surprises when several nodes write
  kProblem,  // does not replicate
};

struct Finding {
  Severity severity = Severity::kNote;
  std::string table;  // empty: the whole database
  std::string what;
  std::string advice;  // may be empty
};

// In the order of the tables, the database itself first. `db`: may write, but is only read here, in a transaction of its own; counts rows, which
// visits every page of the smallest index of each table.
Result<std::vector<Finding>> Lint(sqlite::Connection* db, const schema::LoadOptions& options);

}  // namespace harmonylite::cli
