// Foreign keys between replicated tables: which rows have no parent, and the notes that let orphans
// be found again without looking at all rows.
//
// If orphans are hidden, two more hidden tables exist. `touched` lists the rows of tables on either
// side of a reference that were written, shown or hidden since everything was last settled: only
// these, and rows that refer to them, must be judged again. `held` has the unique values of hidden
// orphans, which no index of the table knows any more. apply/orphans.h works on both.
// Layout: docs/formats/hidden-tables.md.
// Reasons: docs/decisions/0014-orphans-in-a-second-stratum.md.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// For some foreign keys, Reference::indexed by the number of the child and the position of the key
// in its Table::foreign_keys.
using IndexedReferences = std::map<std::pair<int64_t, size_t>, bool>;
// Finds it for the foreign keys of one table. Only reads.
Status FindIndexes(sqlite::Connection* db, const TrackedTable& child, IndexedReferences* out);

// Fills in the catalog's references from the foreign keys of its tables. `hide` says whether
// orphans are hidden. SQLite is asked about indexes only where `indexed` has no answer.
Status ResolveReferences(sqlite::Connection* db, bool hide, Catalog* catalog,
                         const IndexedReferences& indexed = {});

// Part of SyncCatalog: makes `touched` and `held` if they are wanted, and removes them otherwise. A
// sync makes every row of a shadow table pending, so `held` starts empty. Needs a write
// transaction.
Status SyncReferenceTables(sqlite::Connection* db, bool wanted);

// Notes in `touched` that a row was written, deleted, shown or hidden. Only for tables with
// `in_references`. Needs a write transaction.
Status Touch(sqlite::Connection* db, const TrackedTable& table,
             std::span<const change::ValueView> key);

// Returns a number for the catalog's references. The file remembers it, to tell by which references
// its rows were judged.
uint64_t ReferencesFingerprint(const Catalog& catalog);
// Returns the fingerprint of the references by which all rows of the file were judged; 0 if orphans
// are not hidden or were never judged.
Result<uint64_t> JudgedBy(sqlite::Connection* db);
// Stores the fingerprint of the references by which all rows are judged now. Needs a write
// transaction.
Status SetJudgedBy(sqlite::Connection* db, uint64_t fingerprint);

// Returns the values as one text. Two such texts are equal exactly if SQLite finds the values
// equal, column by column, under these collations (BINARY, NOCASE or RTRIM). No value is NULL.
std::string Canonical(std::span<const change::ValueView> values,
                      std::span<const std::string> collations);

// Returns "SELECT 1 FROM parent WHERE …" with a parameter for each value of a reference. With
// values bound, none of them NULL, it gives a row if the parent is in its table. A row with NULL in
// its key exists on this node only and does not count as a parent.
std::string ParentSql(const Catalog& catalog, const Reference& reference);

// Returns a condition "(…)" on a row of the child's table, called c: it names a parent that is not
// in its table.
std::string IsOrphanSql(const Catalog& catalog, const Reference& reference);

// Returns "… AND ", a condition that no value of the row key of c is NULL. Empty if none can be.
std::string KeyPresentInC(const schema::Table& table);

// Returns a query for the keys of the child's rows, those in the table itself, that name a parent
// which is not in its table. It looks at every child.
std::string OrphansSql(const Catalog& catalog, const Reference& reference);

}  // namespace harmonylite::ledger
