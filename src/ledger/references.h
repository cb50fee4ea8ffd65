// Foreign keys between replicated tables: which rows have no parent, and what is written down so that it is
// found again.
//
// Where rows without a parent are hidden, two more hidden tables exist: `touched`, the rows of such tables that
// were written since everything was last settled, and `held`, the unique values of hidden rows.
// Layout: docs/formats/hidden-tables.md. Threads: as hidden_tables.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Fills in the catalog's references, from its tables' foreign keys, and whether they count for hiding.
Status ResolveReferences(sqlite::Connection* db, bool hide, Catalog* catalog);

// Part of SyncCatalog: makes or removes `touched` and `held`; every hidden row is pending then, so that `held`
// starts empty. Needs a write transaction.
Status SyncReferenceTables(sqlite::Connection* db, bool wanted);

// Notes that a row was written, deleted, shown or hidden. Only for tables with `in_references`.
Status Touch(sqlite::Connection* db, const TrackedTable& table, std::span<const change::ValueView> key);

// Which references there are, as a number that is kept beside the rows that were judged by them.
uint64_t ReferencesFingerprint(const Catalog& catalog);
// Of what the rows of the file were judged by; 0: never.
Result<uint64_t> JudgedBy(sqlite::Connection* db);
Status SetJudgedBy(sqlite::Connection* db, uint64_t fingerprint);

// Values as one text that is equal exactly where SQLite finds them equal, column by column, under these
// collations (BINARY, NOCASE or RTRIM). No value is NULL.
std::string Canonical(std::span<const change::ValueView> values, std::span<const std::string> collations);

// "SELECT 1 FROM parent WHERE …": bound to the values of a reference, none of them NULL, a row says that the
// parent is there. A row with NULL in its key, which only this node has, is nobody's parent.
std::string ParentSql(const Catalog& catalog, const Reference& reference);

// "(…)": the row of the child's table, called c, names a parent and there is none.
std::string IsOrphanSql(const Catalog& catalog, const Reference& reference);

// "c.k1, c.k2": the row key of a table called c; and that no value of it is NULL, as "… AND " or nothing.
std::string KeyOfC(const schema::Table& table);
std::string KeyPresentInC(const schema::Table& table);

// The keys of the child's rows that are in their table and name no row of the parent's table. Looks at every
// child.
std::string OrphansSql(const Catalog& catalog, const Reference& reference);

}  // namespace harmonylite::ledger
