// Writes rows and versions of one table: prepared once, used for every row.
//
// Threads: as the connection it was made with.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct StoredVersion {
  Hlc stamp;
  ledger::OriginIndex origin;
  Lseq lseq;
  bool deleted = false;
  int64_t hash = 0;
  // How many of its origin's changes before this write the same origin inserted the row. Nothing: the row was
  // there before, or may have been.
  std::optional<int64_t> born;
};

class TableWriter {
 public:
  // `fires_triggers`: TEMP triggers run on this table, so an upsert must be a true UPDATE or INSERT.
  static Result<TableWriter> Make(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                                  bool fires_triggers);

  const schema::Table& table() const { return *table_; }

  // True when the row had no version and has this one now; false, and nothing is done, if it had one.
  Result<bool> AddVersion(std::span<const change::ValueView> key, const StoredVersion& version);
  Result<std::optional<StoredVersion>> FindVersion(std::span<const change::ValueView> key);
  Status ReplaceVersion(std::span<const change::ValueView> key, const StoredVersion& version);

  // kConflict: another row holds one of its unique values, or a constraint of this node refuses it. Never
  // removes or passes over a row, whatever ON CONFLICT clause the schema has.
  Status PutRow(std::span<const change::ValueView> image);
  Status DeleteRow(std::span<const change::ValueView> key);
  Status DropVersion(std::span<const change::ValueView> key);
  // The whole row, in the table's columns; nothing when it is not there.
  Result<std::optional<change::Row>> ReadRow(std::span<const change::ValueView> key);

  bool fires_triggers() const { return fires_triggers_; }

 private:
  TableWriter(sqlite::Connection* db, const schema::Table* table) : db_(db), table_(table) {}
  void BindKey(sqlite::Statement* statement, int first, std::span<const change::ValueView> key);
  void BindVersion(sqlite::Statement* statement, const StoredVersion& version);

  sqlite::Connection* db_;       // not owned
  const schema::Table* table_;   // not owned
  std::string versions_;         // name of the version table
  bool fires_triggers_ = false;
  sqlite::Statement add_version_;
  sqlite::Statement find_version_;
  sqlite::Statement replace_version_;
  sqlite::Statement put_row_;     // upsert, or plain INSERT when triggers fire
  sqlite::Statement update_row_;  // only when triggers fire
  sqlite::Statement delete_row_;
};

}  // namespace harmonylite::apply
