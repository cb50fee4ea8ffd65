// What must be left of what applications did to their schemas when all nodes have come to rest:
// every column and table that nobody dropped, every value in them, and among the conflicts every
// row of a dropped table that its dropper had not seen. Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace harmonylite::sim {

// A table as a file has it.
struct ShownTable {
  std::string name;
  std::vector<std::string> columns;  // the key `id` is one of them
  bool operator==(const ShownTable&) const = default;
};
using ShownTables = std::map<std::string, ShownTable>;  // by name

// The rows of a table by id, and the values of each by column.
using ShownRows = std::map<std::string, std::map<std::string, std::string>>;

// What all applications together have done. A table or column is known by any of its names.
class SchemaModel {
 public:
  std::string NewName(char kind) { return kind + std::to_string(++names_); }

  void Made(const std::string& table) { tables_.insert(table); }
  void Added(const std::string& table, const std::string& column) { columns_[column] = table; }
  void Renamed(const std::string& from, const std::string& to) { renamed_[to] = from; }
  void Dropped(const std::string& name) { dropped_.insert(First(name)); }
  // True if no application has renamed or dropped it, so that making it again is the same change.
  bool IsUntouched(const std::string& name) const;
  // The table was dropped by an application to which it showed these rows.
  void DroppedTable(const std::string& table, const ShownRows& rows);
  void Wrote(const std::string& table, const std::string& id,
             const std::map<std::string, std::string>& values);
  void Deleted(const std::string& id) { rows_.erase(id); }

  // Checks the one state that all nodes show. `rows` returns those of a table, and `listed` are the
  // ids and values of rows that some node keeps among its conflicts, or out of their table. Returns
  // what is wrong, or nothing.
  std::optional<std::string> Check(const ShownTables& tables,
                                   const std::function<ShownRows(const ShownTable&)>& rows,
                                   const std::set<std::string>& listed) const;

 private:
  struct WrittenRow {
    std::string table;
    std::map<std::string, std::string> values;  // by the first name of the column
  };
  // The first name of what is or was called `name`.
  std::string First(std::string name) const;
  bool IsDropped(const std::string& name) const { return dropped_.contains(First(name)); }
  // The column or table in `names` that is what `name` is.
  template <typename Names>
  std::optional<std::string> Present(const Names& names, const std::string& name) const;
  std::optional<std::string> CheckRow(const std::string& id, const WrittenRow& row,
                                      const ShownTable& table, const ShownRows& shown,
                                      const std::set<std::string>& listed) const;
  // True if an application that dropped the row's table saw the row as it was last written.
  bool WasSeen(const std::string& id, const WrittenRow& row) const;

  int64_t names_ = 0;
  std::set<std::string> tables_;
  std::map<std::string, std::string> columns_;  // the table of each column, by any of their names
  std::map<std::string, std::string> renamed_;  // from each name to the one before it
  std::set<std::string> dropped_;               // first names
  std::map<std::string, WrittenRow> rows_;      // by id; rows that were not deleted
  std::vector<ShownRows> seen_by_droppers_;
};

}  // namespace harmonylite::sim
