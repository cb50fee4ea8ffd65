// Looks in a database for what will not replicate, or will surprise when several nodes write. P9:
// what cannot be promised is said.
//
// Threads: the one that uses the connection.
#pragma once

#include "base/result.h"
#include "cli/lint_findings.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

// `db` should be able to write, so that SQLite compiles statements as it does for a node, but it is
// only read, in a transaction of its own. Counts rows, which visits every page of the smallest
// index of each table.
Result<LintResult> Lint(sqlite::Connection* db, const schema::LoadOptions& options);

}  // namespace harmonylite::cli
