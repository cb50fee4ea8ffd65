// Reads what a database's tables look like, and chooses what identifies a row on every node: the
// row key.
//
// Tables that cannot be replicated are listed with a reason for the operator (P9).
// Threads: Load runs on the thread that uses the connection. Everything else is plain values.
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

// Every name that HarmonyLite adds to the application's database starts with this.
inline constexpr std::string_view kHiddenPrefix = "__harmonylite__";
// The one hidden table that is replicated: its rows are the objects of the schema (object_row.h).
inline constexpr std::string_view kSchemaTable = "__harmonylite__schema";

// The most columns of a row key, and the most columns and expressions of one UNIQUE index. SQLite
// nests conditions up to 1,000 deep, and ours compare column after column.
inline constexpr size_t kMaxTerms = 500;

struct KeyColumn {
  std::string name;
  std::string collation;  // collation in the key's index: BINARY, NOCASE or RTRIM
  bool nullable = false;  // true if the column may be NULL; a row with NULL here stays on its node
  bool operator==(const KeyColumn&) const = default;
};

// One column or expression of an index. `sql` is valid inside a query on the table.
struct IndexTerm {
  std::string sql;
  std::string collation;
  bool is_column = false;  // true for a column that is not generated
};

// A UNIQUE index that is not the row key. INSERT OR REPLACE may displace rows through such an
// index.
struct UniqueIndex {
  std::string name;
  std::vector<IndexTerm> terms;
  std::string where_sql;  // the condition of a partial index; empty for other indexes
  // All columns that the terms and the condition read, and those behind generated ones.
  std::vector<std::string> columns;
};

// The name of the column that stands for the row key of a table without a key. The table has no
// such column: a row's value there is its identity (ledger/row_identity.h).
inline constexpr const char* kIdentityColumn = "__harmonylite__row";

// How the rows of a table without a key are known.
struct RowIdentity {
  std::string rowid;  // a name of the rowid that no column of the table has
  std::string map;    // the hidden table with the identities, once the table has a number
};

struct Table {
  std::string name;
  std::string object;  // identity among the schema's objects (object_row.h); empty: not known
  // In table order, without generated columns. The first one is kIdentityColumn or "_rowid_" if the
  // table has no key.
  std::vector<std::string> columns;
  std::vector<uint64_t> column_seeds;   // seeds of row hashes, one for each of `columns`
  std::vector<KeyColumn> key;           // the row key
  std::vector<uint32_t> key_positions;  // where in `columns` each column of `key` is
  bool integer_key = false;  // true if the row key is the rowid, as an INTEGER PRIMARY KEY or alone
  bool rowid_key = false;    // true if the table has no key, and the rowid is taken for one
  std::optional<RowIdentity> identity;  // set if the table has no key; columns[0] stands for it
  bool autoincrement = false;  // true if SQLite gives out the row key and counts (AUTOINCREMENT)
  // True if the result of one query cannot hold a row beside its version (ledger/row_query.h).
  bool wide = false;
  std::vector<UniqueIndex> unique_indexes;
  std::vector<ForeignKey> foreign_keys;
  bool acts_on_itself = false;  // see TablesThatActOnThemselves

  change::TableShape Shape() const;
  // Where in `columns` the columns begin that the table really has.
  size_t first_real_column() const { return identity ? 1 : 0; }
  // True if SQLite gives out the row key of a row for which the application gives none. A key that
  // refers to another table's is that of the parent: two tables of one class hierarchy.
  bool SqliteGivesKey() const;
};

enum class SkipCause {
  kVirtual,   // nothing is wrong with a virtual table
  kNoKey,     // nothing identifies a row on every node
  kUnusable,  // this program cannot read or write it
};

struct SkippedTable {
  std::string name;
  std::string reason;  // tells the operator why, and what to do
  SkipCause cause = SkipCause::kUnusable;
};

struct Schema {
  int64_t version = 0;  // PRAGMA schema_version in the transaction that read the schema
  std::vector<Table> tables;
  std::vector<SkippedTable> skipped;
};

struct LoadOptions {
  // Returns true for tables that are to be replicated. If the function is empty, all tables are.
  std::function<bool(const std::string& table)> include;
  // Returns true for tables whose rowid is taken for the row key if they have no key. If the
  // function is empty, no table's is: rows without a key have identities.
  std::function<bool(const std::string& table)> allow_without_key;
  // True if orphans are taken out of their tables ([conflicts] foreign_keys = "hide").
  bool hide_orphans = false;
  // True if kSchemaTable is listed, as the last table.
  bool objects = false;
};

// Reads the main schema in the caller's transaction. Other hidden tables and SQLite's own are not
// listed.
Result<Schema> Load(sqlite::Connection* connection, const LoadOptions& options);

// Returns why rows of shape `theirs` cannot be written to a table of shape `ours`, and nothing if
// they can. They can if both have the same columns, in any order, and the same key.
std::optional<std::string> Difference(const change::TableShape& ours,
                                      const change::TableShape& theirs);

}  // namespace harmonylite::schema
