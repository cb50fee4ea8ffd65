#include "ledger/null_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "change/row_hash.h"
#include "ledger/key_sql.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

namespace {

using sqlite::Quote;

// Returns a condition on a row called c; empty if no column of the table's key can be NULL.
std::string HasNullKey(const schema::Table& table) {
  std::string out;
  for (const schema::KeyColumn& key : table.key)
    if (key.nullable)
      out += fmt::format("{}c.{} IS NULL", out.empty() ? "" : " OR ", Quote(key.name));
  return out;
}

}  // namespace

void NullKeyCensus::Reset(sqlite::Connection* db, const Catalog* catalog, const Clock* clock) {
  db_ = db;
  catalog_ = catalog;
  clock_ = clock;
  pace_.Reset();
}

Result<bool> NullKeyCensus::Step(int64_t writes) {
  if (catalog_ == nullptr) return false;
  const int64_t now = clock_->MonotonicMs();
  if (!pace_.running()) {
    if (!pace_.Begin(writes, now)) return false;
    table_ = 0;
    found_.clear();
  }
  for (; table_ < catalog_->tables.size(); ++table_) {
    const schema::Table& table = catalog_->tables[table_].table;
    const std::string has_null = HasNullKey(table);
    if (has_null.empty()) continue;
    HL_ASSIGN(const int64_t rows, db_->QueryInt(fmt::format("SELECT count(*) FROM {} c WHERE {}",
                                                            Quote(table.name), has_null)));
    if (rows > 0) found_[table.name] = rows;
    ++table_;
    pace_.Spend(clock_->MonotonicMs() - now);
    return false;
  }
  pace_.End(clock_->MonotonicMs());
  return std::exchange(counts_, found_) != found_;
}

Status ListNullKeys(sqlite::Connection* db, const Catalog& catalog,
                    std::vector<ListedConflict>* out) {
  for (const TrackedTable& tracked : catalog.tables) {
    const schema::Table& table = tracked.table;
    const std::string has_null = HasNullKey(table);
    if (has_null.empty()) continue;
    std::vector<std::string> key_names;
    for (const schema::KeyColumn& column : table.key) key_names.push_back(column.name);
    HL_ASSIGN(auto list,
              db->Prepare(fmt::format("SELECT {} FROM {} c WHERE {}", AllColumns("c", table),
                                      Quote(table.name), has_null)));
    HL_TRY(list.ForEachRow([&](const sqlite::Statement& row) {
      change::Row image = row.Values();
      change::Row key;
      for (const uint32_t position : table.key_positions) key.push_back(image[position]);
      ListedConflict one;
      uint64_t sum = 0;
      for (size_t i = 0; i < image.size(); ++i)
        sum += change::HashColumn(table.column_seeds[i], image[i].view());
      one.id = fmt::format("n{}-{:08x}", tracked.id, static_cast<uint32_t>(sum));
      one.table = table.name;
      one.kind = conflict_kind::kStaysHere;
      one.key = {key_names, std::move(key)};
      one.loser.image = change::NamedImage{table.columns, std::move(image)};
      out->push_back(std::move(one));
    }));
  }
  return Ok();
}

}  // namespace harmonylite::ledger
