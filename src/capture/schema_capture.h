// Finds what the application has changed in the schema, and journals it as rows of the hidden table
// `schema` (ledger/schema_table.h): part of taking over a changed schema.
//
// A change is what differs from what this file looked like before. It is journaled in the
// transaction that takes the schema over, after the rows that were written with it.
// Threads: every function uses its caller's connection, in the write transaction that the caller
// has open.
#pragma once

#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/schema_table.h"
#include "schema/objects.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

// What a look at the schema reads. It holds as long as the numbers of the header stay the same,
// but for the schema version, which this connection's own work on hidden tables raises; the hidden
// tables that it reads are written by this connection only.
struct SchemaReading {
  ledger::SeenSchema seen;
  ledger::ObjectRows rows;
  std::vector<schema::Object> objects;
};
// Only reads, so that it can be done before the write lock is taken.
Result<SchemaReading> ReadForCapture(sqlite::Connection* db, const schema::LoadOptions& options);

// Journals what differs from what was seen, and notes what is seen now. `catalog` is that of the
// present schema. Everything is folded, and row maps and triggers are in line.
// `enough` is asked after each object that is new or has changed. If it says so, the others are
// left for another call, which may be in a later transaction. Returns true if none was left.
Result<bool> CaptureSchema(sqlite::Connection* db, SchemaReading reading,
                           const ledger::Catalog& catalog, const Clock& clock,
                           const std::function<bool()>& enough);
// Does the same with a reading of its own, and leaves nothing.
Status CaptureSchema(sqlite::Connection* db, const schema::LoadOptions& options,
                     const ledger::Catalog& catalog, const Clock& clock);

// Notes what is seen now without journaling anything, after this file was brought in line with
// other nodes'. What this file shows that no row explains is journaled by the next CaptureSchema.
Status NoteSeen(sqlite::Connection* db, const schema::LoadOptions& options,
                const ledger::Catalog& catalog);

// True if the file looks as it did when it was last looked at, so that everything is journaled. It
// is true for files that were never looked at, too.
Result<bool> IsSeen(sqlite::Connection* db, const schema::LoadOptions& options);

// True if the file looked, when it was last looked at, exactly as the rows of `schema` say, so that
// there is nothing to follow. Only reads.
Result<bool> LooksAsRowsSay(sqlite::Connection* db);

// Writes a row of `schema` and journals it.
Status WriteObject(sqlite::Connection* db, const ledger::Catalog& catalog,
                   const schema::ObjectRow& row, const Clock& clock);

}  // namespace harmonylite::capture
