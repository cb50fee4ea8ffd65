// Finds what the application has changed in the schema, and journals it as rows of the hidden table
// `schema` (ledger/schema_table.h): part of taking over a changed schema.
//
// A change is what differs from what this file looked like before. It is journaled in the
// transaction that takes the schema over, after the rows that were written with it.
// Threads: every function uses its caller's connection, in the write transaction that the caller
// has open.
#pragma once

#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/schema_table.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

// Journals what differs from what was seen, and notes what is seen now. `catalog` is that of the
// present schema. Everything is folded, and row maps and triggers are in line.
Status CaptureSchema(sqlite::Connection* db, const schema::LoadOptions& options,
                     const ledger::Catalog& catalog, const Clock& clock);

// Notes what is seen now without journaling anything, after this file was brought in line with
// other nodes'. What this file shows that no row explains is journaled by the next CaptureSchema.
Status NoteSeen(sqlite::Connection* db, const schema::LoadOptions& options,
                const ledger::Catalog& catalog);

// True if the file looks as it did when it was last looked at, so that everything is journaled. It
// is true for files that were never looked at, too.
Result<bool> IsSeen(sqlite::Connection* db, const schema::LoadOptions& options);

// Writes a row of `schema` and journals it.
Status WriteObject(sqlite::Connection* db, const ledger::Catalog& catalog,
                   const schema::ObjectRow& row, const Clock& clock);

}  // namespace harmonylite::capture
