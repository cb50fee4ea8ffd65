// Nothing vanishes by a change of the schema on another node: rows that its writer had not seen are
// kept among the conflicts when their table, or a column of it, goes.
//
// Threads: the rule of the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "change/version.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "schema/object_row.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// Returns whether a write is among what a node had applied.
using AmongApplied = std::function<Result<bool>(const change::ProgressVector& applied,
                                                ledger::OriginIndex origin, Lseq lseq)>;

// Keeps the rows of a table, shadowed ones included, that are not among what the dropping node had
// applied; `object` is the table's row in `schema`. If only `columns` go, rows that are NULL in all
// of them lose nothing, and are not kept. Returns how many were. Rows from before HarmonyLite count
// as seen.
Result<int64_t> SetAsideUnseen(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                               const schema::ObjectRow& object,
                               const std::vector<std::string>& columns, const AmongApplied& among);

// Fills a virtual table that was just made, if its content is another table's.
Status FillVirtualTable(sqlite::Connection* db, const std::string& name, std::string_view sql);

}  // namespace harmonylite::apply
