// Which rows of a table without a key have which identities, as one file's hidden tables tell it:
// worked out here a second time, with plain SQL, for the ledger and the pictures.
//
// Threads: every function uses its caller's connection.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "change/value.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

struct Places {
  std::map<int64_t, change::Value> identities;  // by the rowid that the row has now
  // By number, the identities that journal entries name which the sidecar has not seen yet.
  std::map<int64_t, change::Value> named;

  // The rowid of the row with this identity; 0 if there is none.
  int64_t RowidOf(const change::ValueView& identity) const;
};

// Reads the places of table number `table_id`, which has no index.
Result<Places> ReadPlaces(sqlite::Connection* db, int64_t table_id);

}  // namespace harmonylite::sim
