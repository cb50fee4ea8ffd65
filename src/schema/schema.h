// What a database's tables look like, and what identifies a row on every node.
//
// Threads: values; Load uses the connection of its caller.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "change/batch.h"
#include "schema/foreign_keys.h"
#include "sqlite/connection.h"

namespace harmonylite::schema {

// Every name of ours in somebody else's database starts with this.
inline constexpr std::string_view kHiddenPrefix = "__harmonylite__";

struct KeyColumn {
  std::string name;
  std::string collation;  // of the key's index: BINARY, NOCASE, RTRIM
  bool nullable = false;  // a row with NULL here stays local
  bool operator==(const KeyColumn&) const = default;
};

// One column or expression of an index, as SQL text that is valid inside a query on the table.
struct IndexTerm {
  std::string sql;
  std::string collation;
  bool is_column = false;
};

// A UNIQUE index that is not the row key: an INSERT OR REPLACE may displace rows through it.
struct UniqueIndex {
  std::string name;
  std::vector<IndexTerm> terms;
  std::string where_sql;             // empty, or the condition of a partial index
  std::vector<std::string> columns;  // all columns its terms and condition read
};

struct Table {
  std::string name;
  std::vector<std::string> columns;  // stored ones, in table order; generated columns are left out
  std::vector<uint64_t> column_seeds;  // of `columns`, for row hashes
  std::vector<KeyColumn> key;
  std::vector<uint32_t> key_positions;  // of the key in `columns`
  bool integer_key = false;  // the key is the rowid (INTEGER PRIMARY KEY, or no key at all)
  bool rowid_key = false;    // no key: columns[0] is the rowid itself
  std::vector<UniqueIndex> unique_indexes;
  std::vector<ForeignKey> foreign_keys;

  change::TableShape Shape() const;
};

struct SkippedTable {
  std::string name;
  std::string reason;  // for the operator: what it is and what to do
  bool is_virtual = false;  // nothing is wrong with it
};

struct Schema {
  int64_t version = 0;  // PRAGMA schema_version it was read at
  std::vector<Table> tables;
  std::vector<SkippedTable> skipped;
};

struct LoadOptions {
  // True for tables that are to be replicated; every table when empty.
  std::function<bool(const std::string& table)> include;
  // True for tables without any key that are to be replicated by rowid all the same.
  std::function<bool(const std::string& table)> allow_without_key;
  // Rows whose parent is not there are taken out of their tables ([conflicts] foreign_keys = "hide").
  bool hide_orphans = false;
};

// Reads the main schema in the caller's transaction. Hidden tables and sqlite_% are not listed.
Result<Schema> Load(sqlite::Connection* connection, const LoadOptions& options);

// Why rows of `theirs` cannot be written to a table of shape `ours`; nothing when they can:
// the same columns in any order, and the same key.
std::optional<std::string> Difference(const change::TableShape& ours,
                                      const change::TableShape& theirs);

}  // namespace harmonylite::schema
