#include "capture/trigger_parts.h"

#include <fmt/format.h>

#include "base/mutant.h"
#include "ledger/clock_sql.h"
#include "ledger/hidden_tables.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

using sqlite::Quote;

std::string LaterStamp(std::string_view newest, std::string_view wall) {
  const char* step =
      HL_MUTANT(step_not_random) || HL_MUTANT(stamps_repeat) ? "0" : "(random() & 1023)";
  return fmt::format("max({} + {}, {}) + {}", newest, HL_MUTANT(stamps_repeat) ? 0 : 1, wall, step);
}

std::string NextStamp() {
  std::string wall = fmt::format("({} << {})", ledger::kNowMs, kHlcCounterBits);
  if (HL_MUTANT(clock_goes_back)) return wall;
  return LaterStamp("(SELECT hlc FROM __harmonylite__journal ORDER BY id DESC LIMIT 1)", wall);
}

TriggerText MakeTrigger(int64_t table_id, std::string_view kind, const schema::Table& table,
                        std::string_view event, std::string_view condition, std::string_view body) {
  const std::string name = ledger::TriggerName(table_id, kind);
  return {name, fmt::format("CREATE TRIGGER {} {} ON {} {}BEGIN {} END", Quote(name), event,
                            Quote(table.name),
                            condition.empty() ? "" : fmt::format("WHEN {} ", condition), body)};
}

}  // namespace harmonylite::capture
