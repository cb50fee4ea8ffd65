// Identities: what stands for the row key in a table without one
// (docs/decisions/0038-tables-without-a-key.md).
//
// The rows of such a table can be told apart by their rowids only, which every node gives out for
// itself. So each row has an identity, a blob of 16 bytes that is the same on all nodes, and each
// node keeps a *row map* for the table: the rowid that the row has in this file, and its identity.
// The capture triggers draw the identity of a new row at random. A row that no trigger saw being
// inserted has one that is made of its content, so that copies of a file give the same row the same
// identity.
//
// VACUUM numbers the rows of a table without an index anew, in the order of their rowids, and fires
// no trigger. The *rowid mark* shows that it has run: a hidden table of that kind, whose only row
// has rowid 2 until then, and 1 after it. While the mark shows it, the triggers leave the row maps
// alone and journal rowids instead, and the next sync of the catalog (capture/row_map_sync.h)
// brings the maps up to date. The first write behind a VACUUM also journals that it has run, and
// gives the mark a row 3, which the next VACUUM makes row 2.
//
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// An SQL condition: the rowids in the row maps are those of their tables.
inline constexpr const char* kRowidsHold =
    "NOT EXISTS(SELECT 1 FROM __harmonylite__rowids WHERE _rowid_ = 1)";
// An SQL condition: they are not, and VACUUM has run since that was noted, if it was.
inline constexpr const char* kRenumberingUnnoted =
    "EXISTS(SELECT 1 FROM __harmonylite__rowids WHERE _rowid_ = 1) AND "
    "NOT EXISTS(SELECT 1 FROM __harmonylite__rowids WHERE _rowid_ = 3)";
// Two SQL statements, for which the former condition need not be true but kRowidsHold is false.
inline constexpr const char* kNoteRenumbering =
    "DELETE FROM __harmonylite__rowids WHERE _rowid_ = 2; "
    "INSERT INTO __harmonylite__rowids(_rowid_, x) SELECT 3, 0 WHERE NOT EXISTS(SELECT 1 FROM "
    "__harmonylite__rowids WHERE _rowid_ = 3);";

// The row map of a table: `local`, a rowid in the application's table, and `k1`, the identity.
std::string RowMapName(int64_t table_id);
// Makes an empty row map, and the rowid mark if the file has none. Needs a write transaction.
Status CreateRowMap(sqlite::Connection* db, int64_t table_id);
// Empties a row map and takes away its index, which IndexRowMap makes again: filling the map is
// faster without it. Both need a write transaction.
Status EmptyRowMap(sqlite::Connection* db, int64_t table_id);
Status IndexRowMap(sqlite::Connection* db, int64_t table_id);

// Returns whether rowids may have changed since the row maps were right. A file without a rowid
// mark has no row map.
Result<bool> RowidsChanged(sqlite::Connection* db);
// Returns whether VACUUM has run behind the last journal entry that notes it.
Result<bool> RenumberingUnnoted(sqlite::Connection* db);
// Puts the mark back, once the row maps are right. Needs a write transaction.
Status ResetRowidMark(sqlite::Connection* db);

// Returns an SQL expression for an identity that no row has. `rowid` is an SQL expression, too.
std::string DrawnIdentity(std::string_view rowid);
// Returns an SQL expression for a rowid and an identity that no row has, as one text. The identity
// is drawn at once, so that copies of the file agree on it.
std::string PlaceWithIdentity(std::string_view rowid);
// SQL expressions for the two parts of such a text, which is in the column k1.
inline constexpr const char* kPlace = "CAST(k1 AS INTEGER)";
inline constexpr const char* kPlaceIdentity = "CAST(substr(k1, instr(k1, ':') + 1) AS BLOB)";

// Returns the hash of a row's content, which is `image` without its first value, the identity.
uint64_t ContentHash(const schema::Table& table, std::span<const change::ValueView> image);
// Returns the identity of the row that is number `ordinal`, from 0 on, of the rows with this
// content hash.
change::Value ContentIdentity(uint64_t content_hash, uint64_t ordinal);
// Returns the content hash that such an identity is made of. An identity that was drawn cannot be
// told from it, so a number is returned for every blob of 16 bytes, and nothing for other values.
std::optional<int64_t> ContentHashIn(const change::ValueView& identity);

}  // namespace harmonylite::ledger
