// Lists orphans for the operator: those that are hidden, and those that stand in their tables.
//
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "ledger/listed_conflict.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// Returns the id under which a shadowed row (kind 's') or an orphan (kind 'o') is listed. It stays
// the same for as long as the row is listed.
std::string ListedId(char kind, const TrackedTable& table, std::span<const change::ValueView> key);

// Returns the parents that a row with this image names and that are not in their tables, as "person
// id=5, …". Empty if all parents are there.
Result<std::string> MissingParents(sqlite::Connection* db, const Catalog& catalog,
                                   const TrackedTable& table,
                                   std::span<const change::ValueView> image);

// Completes an entry of kind "orphan". Its key and its losing side are filled in already. The
// missing parents stay unnamed if the image has former columns of the table.
Status DescribeOrphan(sqlite::Connection* db, const Catalog& catalog, const TrackedTable& table,
                      bool hidden, ListedConflict* one);

// Appends the orphans that are in their tables. Looks at every row that names a parent.
Status ListVisibleOrphans(sqlite::Connection* db, const Catalog& catalog,
                          const OriginTable& origins, std::vector<ListedConflict>* out);

}  // namespace harmonylite::ledger
