// Who changed each object of the schema last, and when: the versions of the rows of the hidden
// table `schema` (schema_table.h).
//
// Threads: the rule of the connection, in the transaction that the caller has open.
#pragma once

#include <map>
#include <optional>

#include "base/ids.h"
#include "base/result.h"
#include "schema/object_row.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

struct ObjectWriter {
  Hlc stamp;
  std::optional<Origin> origin;  // empty for a row without a version
};

// Returns the writers of all objects, dropped ones included. What this node has journaled and not
// folded yet counts. None: the file is from before that table.
Result<std::map<schema::ObjectId, ObjectWriter>> LoadObjectWriters(sqlite::Connection* db);

}  // namespace harmonylite::ledger
