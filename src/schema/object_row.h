// What all nodes keep of one schema object: one replicated row, which is merged like the rows of
// the application (docs/decisions/0041-the-schema-is-rows.md).
//
// An object keeps its identity when it is renamed or rebuilt, and so does each column of a table.
// The identity is the name under which it was first seen, made unique. A row stays when its object
// is dropped, and remembers former names and dropped columns. By them a receiver knows a rename
// from a drop and an add, and finds the values of a batch whose sender has not seen the change yet.
// Threads: pure functions and plain values.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "change/version.h"
#include "schema/objects.h"

namespace harmonylite::schema {

struct ColumnRow {
  std::string id;
  std::vector<std::string> names;  // at least one; the last is the present name
  bool dropped = false;
  // What the rows have in it that were written without it, as a literal of SQL. The column's
  // default may be another by now. Nothing: its default counts.
  std::optional<std::string> initial = {};
  // Of a column under a name that a dropped one had: the change that added it, or an earlier one of
  // the same transaction. To a sender that has not seen it, the name means the dropped column.
  std::optional<std::pair<Origin, Lseq>> since = {};

  const std::string& name() const { return names.back(); }
  bool operator==(const ColumnRow&) const = default;
};

struct ObjectId {
  ObjectKind kind = ObjectKind::kTable;
  std::string id;
  auto operator<=>(const ObjectId&) const = default;
};

struct ObjectRow {
  ObjectId key;
  std::vector<std::string> names;  // at least one; the last is the present name
  std::string table;               // of an index or trigger: its table's identity
  std::string sql;  // the object's text, or the number of a pragma; empty if it was dropped
  std::vector<ColumnRow> columns;  // of a table that is not virtual; dropped ones included
  // What the node that dropped the table, or last dropped a column of it, had applied then. Rows
  // beyond that are set aside where the drop is followed.
  change::ProgressVector seen;

  const std::string& name() const { return names.back(); }
  bool dropped() const { return sql.empty(); }
  const ColumnRow* Find(std::string_view column_id) const;
  const ColumnRow* FindLive(std::string_view name) const;
  bool operator==(const ObjectRow&) const = default;
};

// The texts in which names and columns are stored.
std::string EncodeNames(const std::vector<std::string>& names);
std::string EncodeColumns(const std::vector<ColumnRow>& columns);
std::string EncodeSeen(const change::ProgressVector& seen);
// kCorruption: the text is not what the functions above write.
Result<std::vector<std::string>> DecodeNames(std::string_view text);
Result<std::vector<ColumnRow>> DecodeColumns(std::string_view text);
Result<change::ProgressVector> DecodeSeen(std::string_view text);

// Pairs of a column's name before and after.
using ColumnRenames = std::vector<std::pair<std::string, std::string>>;

// Returns the row of an object that was not there before. `table` is its table's identity.
ObjectRow NewRow(const Object& object, std::string id, std::string table);

// Returns the columns that may have been renamed: a column is gone, another is in its place, and
// they differ in their names only. Dropping the column and adding another looks the same.
ColumnRenames PossibleRenames(const ObjectRow& before, const Object& now);

// True if another column of the same definition is gone, too, so that it may be the renamed one.
bool IsAmbiguous(const ColumnRenames& renames, const ObjectRow& before, const Object& now);

// Returns the row after the object has changed from `before` to `now`.
ObjectRow Changed(const ObjectRow& before, const Object& now, const ColumnRenames& renames,
                  std::string table);

// Returns `present`, which other nodes may have changed meanwhile, with the change from `before` to
// `after`.
ObjectRow WithChange(const ObjectRow& present, const ObjectRow& before, const ObjectRow& after);

// Returns the winner of two concurrent definitions, with the columns that only the loser has, and
// without those that only the loser has dropped; a rename that only one side knows counts. A table
// that one side has dropped is dropped: its rows are gone there. All nodes that unite the same two
// rows get the same.
ObjectRow Unite(const ObjectRow& winner, const ObjectRow& loser);

// True if both define the same, but for former names, dropped columns and spelling.
bool SameObject(const ObjectRow& a, const ObjectRow& b);

}  // namespace harmonylite::schema
