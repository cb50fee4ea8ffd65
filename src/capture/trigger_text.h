// The text of the capture triggers: pure functions of a table's schema.
//
// They run inside the application's SQLite, of any version, under any PRAGMA, so they use only what every
// SQLite since 3.8 has. Except for tables with extra UNIQUE indexes they name key columns only, so that
// ALTER TABLE … DROP COLUMN never fails because of us.
#pragma once

#include <cstdint>
#include <string>
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

// The first one is the AFTER INSERT trigger: every tracked table has it.
std::vector<TriggerText> CaptureTriggers(int64_t table_id, const schema::Table& table);

}  // namespace harmonylite::capture
