// Tables that well-known programs make for themselves, and that need more thought than others when
// several nodes have them: ledgers of migrations, job queues, sessions, caches.
//
// A table is known by its name and its columns together, because an application may well call a
// table of its own "jobs" or "migrations".
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::cli {

enum class TableRole {
  kMigrations,  // which changes of the schema this file has had
  kJobs,        // work that is to be done once
  kSessions,    // who is logged in
  kCache,       // what could be computed again
  kFileState,   // what a tool keeps about this one file
};

struct KnownTable {
  TableRole role = TableRole::kMigrations;
  std::string_view owner;  // who makes such tables
};

// Returns nothing for a table that has another name, or other columns under a known name.
std::optional<KnownTable> Recognise(std::string_view name, const std::vector<std::string>& columns);

}  // namespace harmonylite::cli
