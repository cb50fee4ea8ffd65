// The text of the capture triggers, step 1 in the life of a change (docs/design.md).
//
// A trigger appends the key of a changed row and a stamp to the journal, in the application's own
// transaction, so that both are committed or neither is (P1). Triggers run inside the application's
// SQLite, of any version and under any PRAGMA, so they use only what every SQLite since 3.8 has
// (P8). They name key columns only, so that ALTER TABLE … DROP COLUMN does not fail because of
// them. The exception are tables with UNIQUE indexes beside the key.
// Threads: pure functions of a table's schema.
#pragma once

#include <cstdint>
#include <vector>

#include "capture/trigger_parts.h"
#include "schema/schema.h"

namespace harmonylite::capture {

// Returns the triggers of a table. The first one is the AFTER INSERT trigger, by which a registered
// table is recognised.
std::vector<TriggerText> CaptureTriggers(int64_t table_id, const schema::Table& table);

}  // namespace harmonylite::capture
