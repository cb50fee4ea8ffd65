// Lets the application's triggers run for rows of other nodes where they must
// (docs/decisions/0005-triggers-as-temp.md).
//
// What a trigger does to replicated tables arrives as rows and must not happen a second time. What
// it does to things that are not replicated, such as an FTS5 index, must happen on every node. The
// applier's connection has the schema's triggers switched off; triggers of the second kind are
// repeated there as TEMP triggers, which still fire. Their texts come from the file and pass the
// door for such texts (sqlite/foreign_text.h). Threads: the rule of the connection.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

enum class TriggerEffect {
  kReplicated,  // It writes to replicated tables or nowhere. It stays off: its rows arrive.
  kLocal,       // It writes to what is not replicated. It runs for rows of other nodes too.
  // The rest stays off, and what it writes locally is missing for other nodes' rows.
  kMixed,    // It writes to replicated and to other tables.
  kRefuses,  // It writes to other tables only, but can refuse the row (RAISE).
  kHidden,   // It writes to HarmonyLite's own tables.
};

struct ClassifiedTrigger {
  std::string name;
  std::string sql;  // The statement as the file has it; anything may stand there.
  TriggerEffect effect = TriggerEffect::kReplicated;
  std::set<std::string> local_tables;  // What it writes to that is not replicated; in folded case.
};

// Lists the application's triggers of one table with their effects, which SQLite's own compiler
// tells through the authorizer. kInvalidArgument: they cannot be compiled here, for example because
// they call a function that only the application has.
Result<std::vector<ClassifiedTrigger>> ClassifyTriggers(sqlite::Connection* db,
                                                        const ledger::Catalog& catalog,
                                                        const schema::Table& table);

struct AppTriggers {
  std::set<int64_t> tables_with_triggers;  // TrackedTable ids of tables with a TEMP trigger.
  std::vector<std::string> warnings;       // Messages for the operator.
};

struct OffReason {
  const char* what;    // continues "trigger t …"
  const char* advice;  // what the operator can do about it
};

// Returns why a trigger stays off that should run; nothing for a trigger that runs or need not run.
std::optional<OffReason> WhyOff(const ClassifiedTrigger& trigger);

// Drops the TEMP triggers of an earlier call of InstallAppTriggers, which stand in the way of
// changes of the schema.
Status DropTempTriggers(sqlite::Connection* db);

// Drops the TEMP triggers of an earlier call and makes those that the present schema needs. Objects
// of the schema whose texts SQLite cannot have stored are named in the warnings. Afterwards the
// schema's own triggers are off on this connection.
Result<AppTriggers> InstallAppTriggers(sqlite::Connection* db, const ledger::Catalog& catalog);

}  // namespace harmonylite::apply
