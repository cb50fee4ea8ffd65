// The hidden tables `schema` and `seen`.
//
// `schema` has a row for each schema object that any node has made. It is a replicated table like
// those of the application: its rows have versions, travel in batches and snapshots, and are
// compared. `seen` is what this file looked like when it was last looked at; a change is what
// differs from it, not what differs from `schema`, because this file may lag behind or not follow.
// Layout: docs/formats/hidden-tables.md.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "base/ids.h"
#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "schema/object_row.h"
#include "schema/objects.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Makes both tables where they are missing. Needs a write transaction.
Status AddSchemaTables(sqlite::Connection* db);

// Returns whether neither AddMembershipTables nor AddSchemaTables would make anything. Only reads.
Result<bool> HasAllHiddenTables(sqlite::Connection* db);

using ObjectRows = std::map<schema::ObjectId, schema::ObjectRow>;

// Returns the rows of `schema`, those of dropped objects included. None: the file is from before
// this table.
// kCorruption: a row cannot be read.
Result<ObjectRows> LoadObjects(sqlite::Connection* db);
// Inserts or replaces a row. The caller journals it.
Status SaveObject(sqlite::Connection* db, const schema::ObjectRow& row);
// Notes which entry of the journal is the newest about a row of `schema`, and returns it. 0: none.
Status NoteObjectWritten(sqlite::Connection* db, Lseq entry);
Result<Lseq> LastObjectWritten(sqlite::Connection* db);
// Returns the key of a row of `schema`, and the row that an image of it stands for.
change::Row KeyOf(const schema::ObjectId& key);
Result<schema::ObjectRow> ObjectOf(std::span<const change::ValueView> image);

// An object of this file.
struct SeenObject {
  schema::ObjectRow row;  // with its present name and its present columns only
  int64_t table_id = 0;   // TrackedTable::id; 0: it is no table that is replicated here
  bool operator==(const SeenObject&) const = default;
};
using SeenObjects = std::map<schema::ObjectId, SeenObject>;

// What was seen, and the numbers of the header at that moment.
struct SeenSchema {
  SeenObjects objects;
  schema::HeaderNumbers numbers;
};
Result<SeenSchema> LoadSeen(sqlite::Connection* db);
Result<schema::HeaderNumbers> LoadSeenNumbers(sqlite::Connection* db);
// Replaces what was seen `before`, writing what differs. Needs a write transaction.
Status SaveSeen(sqlite::Connection* db, const SeenSchema& before, const SeenSchema& now);

// Notes in a catalog which objects its tables are, as they were last seen.
Status NoteObjects(sqlite::Connection* db, Catalog* catalog);
// Returns the table `schema` of a catalog; null: the file is from before it.
const TrackedTable* SchemaTable(const Catalog& catalog);
// Returns how many tables of the application a catalog has.
int64_t CountTables(const Catalog& catalog);

}  // namespace harmonylite::ledger
