// The text of the capture triggers: pure functions of a table's schema.
//
// They run inside the application's SQLite, of any version, under any PRAGMA, so they use only what every
// SQLite since 3.8 has. Except for tables with extra UNIQUE indexes they name key columns only, so that
// ALTER TABLE … DROP COLUMN never fails because of us.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/schema.h"

namespace harmonylite::capture {

// Journal column `op`.
enum class JournalOp : int64_t {
  kTick = 0,       // no change: the clock was raised to a version applied from elsewhere
  kChange = 1,     // this row was inserted, updated or deleted
  kDisplaced = 2,  // counts only if the row is gone: a REPLACE may have removed it without a trigger
};

struct TriggerText {
  std::string name;
  std::string sql;  // exactly as SQLite will keep it in sqlite_schema
};

// SQL of a stamp of a hybrid logical clock: later than `newest` and not before `wall`, both SQL of stamps.
// A random step is added: an older copy of the file that writes on could else give the same stamps to other
// changes, and nothing could tell the two lives apart (Publisher::Understand). Steps of about 512 allow two
// thousand rows a millisecond before stamps run ahead of the wall clock.
std::string LaterStamp(std::string_view newest, std::string_view wall);

// The first one is the AFTER INSERT trigger: every tracked table has it.
std::vector<TriggerText> CaptureTriggers(int64_t table_id, const schema::Table& table);

}  // namespace harmonylite::capture
