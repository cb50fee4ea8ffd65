// What one node's file shows, read in one snapshot with plain SQL: no code of the product has a part in it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
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

// Column name to value as text: '1', 1 and 1.0 differ, and so do numbers that are not the same bits.
using Image = std::map<std::string, std::string>;
template <typename T>
using ByKey = std::map<std::string, T>;  // row key as text; equal keys have equal text

struct Picture {
  int64_t level = 0;  // migrations
  Origin self;
  int64_t last_change = 0;  // newest lseq of a change: in the journal, or published before trimming
  int64_t published_to = 0;
  int64_t folded_to = 0;
  int64_t newest_entry = 0;  // of any kind
  int64_t incarnation_base = 0;
  change::ProgressVector progress;  // of other origins
  change::ProgressVector vector;    // and of itself
  change::ProgressVector collected; // tombstones up to here may be forgotten
  std::map<std::string, ByKey<Image>> rows;
  std::map<std::string, ByKey<Image>> shadowed;  // without images: only which
  bool settled = true;  // everything is folded, and no shadowed row is to be looked at again
  std::map<std::string, ByKey<RowVersion>> versions;  // journal entries not folded yet laid over them
};

// A row key as text, one text for keys that are equal in this table.
std::string KeyText(const AppTable& table, std::span<const change::ValueView> key);
// "k1 = ?1 AND …", over the table's own key columns.
std::string KeyIs(const AppTable& table);
// The same over those of a hidden table.
std::string HiddenKeyIs(const AppTable& table);
// "k1, k2, …": the key columns of a hidden table.
std::string HiddenKey(const AppTable& table);
// The row that this statement, a SELECT of every column, stands on.
Image ReadImage(const sqlite::Statement& row);

// `image` of a row of `table`, as it is after `level` migrations.
void MigrateImage(const std::string& table, int64_t level, Image* image);

// Versions that are listed as having lost to a concurrent write: table, stamp and node.
using Losers = std::set<std::tuple<std::string, int64_t, uint64_t>>;
Status ReadLosers(sqlite::Connection* db, Losers* out);

Result<Picture> TakePicture(sqlite::Connection* db);

}  // namespace harmonylite::sim
