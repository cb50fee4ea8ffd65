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
#include <string>
#include <string_view>
#include <vector>

#include "schema/schema.h"

namespace harmonylite::capture {

// Values of the journal's column `op`.
enum class JournalOp : int64_t {
  kTick = 0,       // no change; the clock was raised to the stamp of another node's version
  kChange = 1,     // the row was inserted, updated or deleted
  kDisplaced = 2,  // REPLACE may have removed the row without a trigger; counts only if it is gone
};

struct TriggerText {
  std::string name;
  std::string sql;  // the CREATE TRIGGER, exactly as SQLite keeps it in sqlite_schema
};

// Returns an SQL expression for the next stamp of the hybrid logical clock: later than `newest` and
// not before `wall`, which are SQL expressions for stamps. It adds a random step below 1,024.
// Without the step, an older copy of the file that is written to could give the same stamps to
// other changes, and nothing could tell the two copies apart (docs/decisions/0006-random-step.md).
// A step of 512 on average allows two thousand rows in a millisecond before stamps run ahead of the
// wall clock.
std::string LaterStamp(std::string_view newest, std::string_view wall);

// Returns the triggers of a table. The first one is the AFTER INSERT trigger, by which a registered
// table is recognised.
std::vector<TriggerText> CaptureTriggers(int64_t table_id, const schema::Table& table);

}  // namespace harmonylite::capture
