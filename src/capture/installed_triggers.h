// The triggers of ours that a file has, and how they differ from those it should have.
//
// Threads: functions with a Connection use it in the transaction that the caller has open. The
// others are pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/trigger_text.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

struct InstalledTrigger {
  std::string table;
  std::string sql;
};

struct InstalledTriggers {
  std::map<std::string, InstalledTrigger> by_name;
  std::multimap<std::string, std::string> on_table;  // trigger names by their table's folded name
  // Tables, in folded case, on which a trigger of the application fires before ours and may keep
  // them from firing.
  std::set<std::string> preceded;

  void Add(std::string name, InstalledTrigger trigger);
  // Notes that the table with this number has those triggers now that it should have.
  void Replace(int64_t id, const schema::Table& table);
};

Result<InstalledTriggers> LoadTriggers(sqlite::Connection* db);

// Returns the number that ledger::TriggerName put into a trigger's name; 0 if there is none.
int64_t IdInTriggerName(std::string_view name);

// What makes the triggers of one table those that are wanted.
struct TriggerChange {
  std::vector<std::string> drop;    // names
  std::vector<TriggerText> create;  // after the others were dropped
  bool empty() const { return drop.empty() && create.empty(); }
};

// Finds the triggers of a number that are missing, differ or fire too late, and those that are no
// longer wanted.
TriggerChange FindTriggerChange(const InstalledTriggers& installed, int64_t id,
                                const schema::Table& table);

}  // namespace harmonylite::capture
