// Rows without a parent, for the operator: those that are hidden, and those that stand in their tables.
//
// Threads: as hidden_tables.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/listed_conflict.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// The same for the same row as long as it is listed.
std::string ListedId(char kind, const TrackedTable& table, std::span<const change::ValueView> key);

// The parents that a row of this image names and that are not in their tables: "person id=5, …"; empty: none.
Result<std::string> MissingParents(sqlite::Connection* db, const Catalog& catalog, const TrackedTable& table,
                                   std::span<const change::ValueView> image);

// Makes an entry whose key and losing side are filled in one of kind "orphan". Its image is in the table's
// columns.
Status DescribeOrphan(sqlite::Connection* db, const Catalog& catalog, const TrackedTable& table, bool hidden,
                      ListedConflict* one);

// Adds those that are in their tables. Looks at every row that names a parent.
Status ListVisibleOrphans(sqlite::Connection* db, const Catalog& catalog, const OriginTable& origins,
                          std::vector<ListedConflict>* out);

}  // namespace harmonylite::ledger
