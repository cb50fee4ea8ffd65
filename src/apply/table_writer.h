// Reads and writes rows and versions of one table. Its statements are prepared once and used for
// every row. It takes no decisions: the caller says which version wins.
//
// Threads: the rule of the connection that it was made with.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "ledger/row_query.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct StoredVersion {
  Hlc stamp;
  ledger::OriginIndex origin;
  Lseq lseq;
  bool deleted = false;
  int64_t hash = 0;
  // The row was inserted by this origin, this many lseqs before this write; 0 means by this write.
  // Unset if the row was there before, or may have been.
  std::optional<int64_t> born;
};

// How many rows were put into tables, or removed, by TrackedTable id. A row that is written twice
// counts twice.
using WrittenRows = std::map<int64_t, int64_t>;

class TableWriter {
 public:
  // `db`, the table in `tracked` and `written` are not owned and outlive the writer, which counts
  // in `written` the rows that it puts and removes. `fires_triggers` says that TEMP triggers run on
  // this table; then PutRow must be a true UPDATE or INSERT, so that they see which one it is.
  static Result<TableWriter> Make(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                                  bool fires_triggers, WrittenRows* written);

  const schema::Table& table() const { return *table_; }

  // Adds a version if the row has none, and returns true. If the row has a version, nothing changes
  // and false is returned.
  Result<bool> AddVersion(std::span<const change::ValueView> key, const StoredVersion& version);
  Result<std::optional<StoredVersion>> FindVersion(std::span<const change::ValueView> key);
  Status ReplaceVersion(std::span<const change::ValueView> key, const StoredVersion& version);

  // Inserts the row, or replaces the row that has its key. kConflict: another row holds one of its
  // unique values, or another constraint of this node refuses it. PutRow never removes or skips a
  // row, whatever ON CONFLICT clause the schema has.
  Status PutRow(std::span<const change::ValueView> image);
  Status DeleteRow(std::span<const change::ValueView> key);
  Status DropVersion(std::span<const change::ValueView> key);
  // The whole row in the order of the table's columns; empty if it is not in the table.
  Result<std::optional<change::Row>> ReadRow(std::span<const change::ValueView> key);

  bool fires_triggers() const { return fires_triggers_; }

 private:
  TableWriter(sqlite::Connection* db, const ledger::TrackedTable& tracked, WrittenRows* written)
      : db_(db), table_(&tracked.table), id_(tracked.id), written_(written) {}
  void BindVersion(sqlite::Statement* statement, const StoredVersion& version);

  sqlite::Connection* db_;      // not owned
  const schema::Table* table_;  // not owned
  int64_t id_;                  // TrackedTable id
  WrittenRows* written_;        // not owned
  std::string versions_;        // Name of the version table, not quoted.
  bool fires_triggers_ = false;
  bool updates_first_ = false;  // true if a row cannot be put with an upsert
  sqlite::Statement add_version_;
  sqlite::Statement find_version_;
  sqlite::Statement replace_version_;
  sqlite::Statement put_row_;     // An upsert, or a plain INSERT behind update_row_.
  sqlite::Statement update_row_;  // Prepared only if updates_first_.
  sqlite::Statement delete_row_;
  sqlite::Statement
      map_row_;  // Notes the identity of an inserted row; prepared only if it has one.
  sqlite::Statement unmap_row_;                 // Forgets the identity of a deleted row.
  std::optional<ledger::ImageQuery> read_row_;  // Made when a row is first read.
};

}  // namespace harmonylite::apply
