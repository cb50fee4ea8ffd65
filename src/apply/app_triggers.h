// The application's triggers while rows of other nodes are applied.
//
// What a trigger does to replicated tables arrives as rows and must not happen again; what it does to
// things that are not replicated (an FTS5 index) must. The applier's connection has the schema's triggers
// switched off; those of the second kind are repeated there as TEMP triggers, which still fire.
// Threads: as the connection.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

enum class TriggerEffect {
  kReplicated,  // writes to replicated tables, or nowhere: stays off, its rows arrive
  kLocal,       // writes to what is not replicated: runs for rows of other nodes too
  kMixed,       // both: stays off; what it writes locally is missing for rows of other nodes
};

struct ClassifiedTrigger {
  std::string name;
  std::string sql;  // as SQLite keeps it
  TriggerEffect effect = TriggerEffect::kReplicated;
};

// The application's triggers of one table, by what SQLite's own compiler says they would write.
// kInvalidArgument: they cannot be compiled here (a function that only the application has).
Result<std::vector<ClassifiedTrigger>> ClassifyTriggers(sqlite::Connection* db,
                                                        const ledger::Catalog& catalog,
                                                        const schema::Table& table);

struct AppTriggers {
  std::set<int64_t> tables_with_triggers;  // TrackedTable ids on which some trigger runs
  std::vector<std::string> warnings;       // for the operator
};

// Drops the TEMP triggers of an earlier call and makes those that today's schema needs. Leaves the
// connection with the schema's triggers off.
Result<AppTriggers> InstallAppTriggers(sqlite::Connection* db, const ledger::Catalog& catalog);

}  // namespace harmonylite::apply
