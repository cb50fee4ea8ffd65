// The first attach to a file: makes the hidden tables and writes the triggers.
//
// With many tables that takes long, and the application waits for each transaction of ours, so it
// takes as many as it needs. The file remembers that it is not at its end, and until then the node
// neither sends nor applies anything. All rows that exist when the last transaction is committed
// are from before HarmonyLite: what the first triggers have journaled is forgotten there, so that
// no transaction of the application counts for some of its tables only.
//
// A crash leaves a file that the next start goes on with.
// Source: docs/decisions/0042-attaching-in-steps.md. Threads: as the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "capture/catalog_sync.h"
#include "capture/sync_plan.h"
#include "node/options.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

class FirstAttach {
 public:
  // Nothing is owned, and all outlives this.
  FirstAttach(sqlite::Connection* db, const NodeOptions& options, const Clock* clock)
      : db_(db), options_(options), clock_(clock) {}

  // Attaches, or goes on where another call or process stopped. Does nothing if the file is
  // attached. `self` and `journal_mode` are those of a file that nobody has begun with.
  // kRetryLater: the application holds the database; the next call goes on.
  Status Run(const Origin& self, const std::string& journal_mode);
  // Transactions that were committed.
  int64_t steps() const { return steps_; }

 private:
  // Reads the present schema, unless the plan is of it.
  Status Plan();
  Result<bool> PlanHolds();
  // Does one transaction. `installed` says that an earlier one has made the hidden tables.
  Status Step(bool installed, const Origin& self, const std::string& journal_mode);
  Status Install(const Origin& self, const std::string& journal_mode, bool has_tables);
  // Adopts what is left: tables without a key, whose row maps must all be of one moment.
  Status Finish(bool in_steps, capture::SyncPlan plan);

  sqlite::Connection* db_;
  const NodeOptions& options_;
  const Clock* clock_;
  std::optional<capture::SyncPlan> plan_;  // of the present schema; none: it must be made
  bool adopted_ = false;                   // true if the last step left no table with a key
  int outdated_ = 0;  // plans in a row that were outdated when the lock was taken
  int64_t steps_ = 0;
};

}  // namespace harmonylite::node
