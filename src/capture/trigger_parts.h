// What the texts of all capture triggers share.
//
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/schema.h"

namespace harmonylite::capture {

// Values of the journal's column `op`.
enum class JournalOp : int64_t {
  kTick = 0,       // no change; the clock was raised to the stamp of another node's version
  kChange = 1,     // the row was inserted, updated or deleted
  kDisplaced = 2,  // REPLACE may have removed the row without a trigger; counts only if it is gone
  // What happens while the row maps cannot be used (ledger/row_identity.h). The next sync of the
  // catalog makes kChange of it, or kTick, and nothing reads the journal before it.
  // k1 is a ledger::PlaceWithIdentity.
  kPlaceWritten = 3,  // the row with this rowid was inserted or updated
  kPlaceLeft = 4,     // the row with this rowid was deleted, or has another rowid now
  kRenumbered = 5,    // before the entry that follows, VACUUM numbered all rows anew
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

// Returns an SQL expression for the stamp of a new journal entry. The journal's newest entry is the
// clock.
std::string NextStamp();

// Returns a trigger of table number `table_id`. `event` is such as "AFTER INSERT", and `condition`
// may be empty.
TriggerText MakeTrigger(int64_t table_id, std::string_view kind, const schema::Table& table,
                        std::string_view event, std::string_view condition, std::string_view body);

}  // namespace harmonylite::capture
