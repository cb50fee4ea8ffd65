// What one node's file shows, read in one snapshot with plain SQL: no code of the product has a part in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "change/version.h"
#include "sim/app_schema.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

struct RowVersion {
  int64_t hlc = 0;
  Origin origin;
  int64_t lseq = 0;
  bool gone = false;
  bool operator==(const RowVersion&) const = default;
};

// Column name to value, as SQLite's quote() writes it: '1', 1 and 1.0 differ.
using Image = std::map<std::string, std::string>;
template <typename T>
using ByKey = std::map<std::string, T>;  // row key as text; equal keys have equal text

struct Picture {
  Origin self;
  int64_t last_change = 0;  // newest lseq of a change: in the journal, or published before trimming
  int64_t published_to = 0;
  int64_t folded_to = 0;
  int64_t newest_entry = 0;  // of any kind
  int64_t incarnation_base = 0;
  change::ProgressVector progress;  // of other origins
  change::ProgressVector vector;    // and of itself
  std::map<std::string, ByKey<Image>> rows;
  std::map<std::string, ByKey<Image>> shadowed;  // without images: only which
  bool settled = true;  // everything is folded, and no shadowed row is to be looked at again
  std::map<std::string, ByKey<RowVersion>> versions;  // journal entries not folded yet laid over them
};

// SQL for the key's text over `alias`: its own columns, or k1, k2, … of a hidden table.
std::string KeySql(const AppTable& table, const std::string& alias, bool hidden);
// Every stored column of a table, in order.
Result<std::vector<std::string>> ColumnsOf(sqlite::Connection* db, const std::string& table);
// The row with this key's text; nothing when there is none.
Result<ByKey<Image>> ReadRows(sqlite::Connection* db, const AppTable& table,
                              const std::string* only_key = nullptr);

Result<Picture> TakePicture(sqlite::Connection* db);

}  // namespace harmonylite::sim
