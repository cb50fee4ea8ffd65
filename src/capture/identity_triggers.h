// The text of the capture triggers of a table without a key, which keep its row map
// (ledger/row_identity.h).
//
// Threads: pure functions of a table's schema.
#pragma once

#include <cstdint>
#include <vector>

#include "capture/trigger_parts.h"
#include "schema/schema.h"

namespace harmonylite::capture {

// Returns the triggers, the AFTER INSERT trigger first. `table.identity` is set.
std::vector<TriggerText> IdentityTriggers(int64_t table_id, const schema::Table& table);

}  // namespace harmonylite::capture
