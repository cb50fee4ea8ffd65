// The hidden table `tables`: what is remembered of each replicated table, so that it is recognised
// after its schema has changed. (The registry of the cluster is another thing: ports/meta_store.h.)
//
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

using ColumnNames = std::vector<std::string>;

// The hash of a version whose row must be looked at again (UnsettleUnpublished). No row that is
// replicated has it, but for a chance of 2^-64.
inline constexpr int64_t kUnsettledHash = 1;

struct RegisteredTable {
  int64_t id = 0;
  std::string name;
  std::string key;  // the row key, as EncodeKey writes it; empty if the table was dropped
  std::vector<ColumnNames> shapes;  // every list of columns it ever had; a hash is over one of them
  bool had_rows = false;            // true if there may be rows without a version
};

// Returns the column names and collations of the row key as one text, each as "<length>:<bytes>".
std::string EncodeKey(const schema::Table& table);

Result<std::vector<RegisteredTable>> LoadRegistry(sqlite::Connection* db);
// Returns options with which tables without a key are what they are registered as, for callers
// without a configuration.
Result<schema::LoadOptions> OptionsAsRegistered(sqlite::Connection* db);
// Inserts or replaces the row of `table.id`.
Status SaveRegistered(sqlite::Connection* db, const RegisteredTable& table);
// Makes the version table for a new number, the row map if the table has no key, and the journal
// columns that the key needs.
Status CreateVersionTable(sqlite::Connection* db, int64_t id, const schema::Table& table);
// Removes all that belongs to a number: its row, its version table, its shadow table, its row map
// and its triggers.
Status DropRegistered(sqlite::Connection* db, int64_t id);
// Removes the same of a table that was dropped, but keeps its row, without a key, for the names in
// the list of conflicts. If the table is made again, those conflicts become the new table's.
Status RetireRegistered(sqlite::Connection* db, int64_t id);
// Gives the conflicts of a retired number to the number of the table that was made again, and
// removes the retired one.
Status ReplaceRetired(sqlite::Connection* db, int64_t retired, int64_t id);
// Removes the triggers of a number.
Status DropTriggers(sqlite::Connection* db, int64_t id);

// Notes, in the version table of a table that is not replicated for a time, which rows this node
// changed before and has not published: their versions get kUnsettledHash, by which an audit finds
// them when the table is back. Until then no batch has them, although batches cover their changes.
// Entries that name rowids are passed over: the row map, which lacks them, will not fit the table.
Status UnsettleUnpublished(sqlite::Connection* db, int64_t id);

}  // namespace harmonylite::ledger
