// The rows of `tables`: what is remembered of a table so that it is recognised again.
//
// Threads: as hidden_tables.h.
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

struct RegisteredTable {
  int64_t id = 0;
  std::string name;
  std::string key;                  // EncodeKey of the row key
  std::vector<ColumnNames> shapes;  // every list of columns it had; row hashes were taken over one
  bool had_rows = false;            // there may be rows of version zero
};

// Column names and collations as one text: "<length>:<bytes>" each.
std::string EncodeKey(const schema::Table& table);

Result<std::vector<RegisteredTable>> LoadRegistry(sqlite::Connection* db);
// Inserts or replaces the row of `table.id`.
Status SaveRegistered(sqlite::Connection* db, const RegisteredTable& table);
// Makes the version table of a new number and widens the journal for its key.
Status CreateVersionTable(sqlite::Connection* db, int64_t id, const schema::Table& table);
// Forgets a number: its row, version table, shadowed rows and triggers.
Status DropRegistered(sqlite::Connection* db, int64_t id);

}  // namespace harmonylite::ledger
