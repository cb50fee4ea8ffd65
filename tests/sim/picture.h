// A picture: what one node's database file shows, read with plain SQL in one read transaction. Of
// the product's code only the SQLite wrapper takes part, so that the product's errors are not
// repeated here.
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
#include "change/retirements.h"
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

// A row: the values as text, by column name. The text tells '1', 1 and 1.0 apart, and any two
// numbers that have different bits.
using Image = std::map<std::string, std::string>;
// Something for each row of a table, by the row's key as text (KeyText()).
template <typename T>
using ByKey = std::map<std::string, T>;

struct Picture {
  int64_t level = 0;        // number of migrations that the file has run
  Origin self;              // the origin under which the file counts its own changes
  int64_t last_change = 0;  // newest lseq of a change: in the journal, or published before trimming
  int64_t published_to = 0;          // own changes up to this number count as published
  int64_t folded_to = 0;             // journal entries up to this number are in the stored versions
  int64_t newest_entry = 0;          // the newest journal entry of any kind
  int64_t incarnation_base = 0;      // this incarnation's changes have greater numbers
  change::ProgressVector progress;   // the changes of other origins that the file has
  change::ProgressVector vector;     // `progress` together with the file's own changes
  change::ProgressVector collected;  // tombstones that this covers may be forgotten
  std::set<Origin> retired;          // origins that the file's own vectors leave out
  std::map<std::string, ByKey<Image>> rows;      // by table
  std::map<std::string, ByKey<Image>> shadowed;  // by table; the images are empty
  // The images of the shadowed rows, with the columns that the table had when they were kept.
  std::map<std::string, ByKey<Image>> kept;
  bool settled = true;  // all is folded, and no row waits to be judged as shadowed or orphaned
  // By table. Journal entries that are not folded yet are laid over the stored versions.
  std::map<std::string, ByKey<RowVersion>> versions;
};

// A row key as text. Keys that are equal in this table have the same text.
std::string KeyText(const AppTable& table, std::span<const change::ValueView> key);
// The SQL condition "a = ?1 AND b = ?2" over the table's own key columns.
std::string KeyIs(const AppTable& table);
// The SQL condition "k1 = ?1 AND k2 = ?2" over the key columns of the table's hidden tables.
std::string HiddenKeyIs(const AppTable& table);
// The key columns of the table's hidden tables: "k1, k2".
std::string HiddenKey(const AppTable& table);
// The present row of a statement that selects every column.
Image ReadImage(const sqlite::Statement& row);

// Changes `image`, a row of `table` written at any time, to what it is after `level` migrations.
void MigrateImage(const std::string& table, int64_t level, Image* image);

// The versions that a file lists as having lost to a concurrent write: table, stamp and node.
using Losers = std::set<std::tuple<std::string, int64_t, uint64_t>>;
Status ReadLosers(sqlite::Connection* db, Losers* out);

Result<Picture> TakePicture(sqlite::Connection* db);

}  // namespace harmonylite::sim
