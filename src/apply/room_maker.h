// Makes room for other nodes' UNIQUE: takes the rows for which an index, or a table that is made
// anew, has none out of their tables, and keeps them in memory until they can be kept as shadowed.
//
// Threads: the rule of the connection.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "apply/table_copy.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/schema_table.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// Rows as their tables are now, by TrackedTable::id.
using RowsWithoutRoom = std::map<int64_t, std::vector<change::NamedImage>>;

class RoomMaker {
 public:
  // Nothing is owned. `catalog` and `present` are those of the file as it was before it changed.
  RoomMaker(sqlite::Connection* db, const ledger::Catalog& catalog,
            const ledger::ObjectRows& wanted, const ledger::SeenObjects& present)
      : db_(db), catalog_(catalog), wanted_(wanted), present_(present) {}

  // The table, if rows of it can be kept as shadowed; otherwise null. A table without a key is none
  // of them: a UNIQUE index would be its key.
  const ledger::TrackedTable* Keeper(int64_t table_id) const;
  // Takes rows out of an index's table so that the index of this text can be made. Returns false if
  // it cannot. Needs the caller's write transaction, without triggers and with foreign keys off.
  Result<bool> MakeRoom(const schema::ObjectRow& index, const std::string& sql);
  // Takes note of rows that are in their table no more.
  void Note(const ledger::TrackedTable& tracked, std::vector<ClashingRow> rows);
  RowsWithoutRoom Take() { return std::move(rows_); }

 private:
  sqlite::Connection* db_;
  const ledger::Catalog& catalog_;
  const ledger::ObjectRows& wanted_;
  const ledger::SeenObjects& present_;
  RowsWithoutRoom rows_;
};

}  // namespace harmonylite::apply
