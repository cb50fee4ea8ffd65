#include "ledger/orphan_census.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ledger/key_sql.h"
#include "ledger/references.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

namespace {

using change::Row;
using sqlite::Connection;
using sqlite::Quote;

// Rows in one piece, which take a millisecond or two.
constexpr int kRows = 2'000;

// The columns by which a table is cut into pieces: the row key, or the rowid if it has no key.
struct PieceColumn {
  std::string sql;  // of a row that is called c
  std::string collation;
};

std::vector<PieceColumn> PieceColumns(const schema::Table& table) {
  if (table.identity) return {{"c." + table.identity->rowid, "BINARY"}};
  std::vector<PieceColumn> out;
  for (const schema::KeyColumn& key : table.key)
    out.push_back({"c." + Quote(key.name), key.collation});
  return out;
}

std::string Selected(const schema::Table& table) {
  std::string out;
  for (const PieceColumn& column : PieceColumns(table))
    out += (out.empty() ? "" : ", ") + column.sql;
  return out;
}

std::string Order(const schema::Table& table) {
  std::string out;
  for (const PieceColumn& column : PieceColumns(table))
    out += fmt::format("{}{} COLLATE {}", out.empty() ? "" : ", ", column.sql,
                       Quote(column.collation));
  return out;
}

// Writes a condition on the piece columns of c, with parameters from number `first` on, such as
// "(c.a COLLATE "NOCASE", c.b COLLATE "BINARY") > (?1, ?2)".
std::string Compare(const schema::Table& table, const char* how, size_t first) {
  std::string values;
  for (size_t i = 0; i < table.key.size(); ++i)
    values += fmt::format("{}?{}", i == 0 ? "" : ", ", first + i);
  return fmt::format("({}) {} ({})", Order(table), how, values);
}

std::string IsOrphan(const Catalog& catalog, const TrackedTable& table) {
  std::string out;
  for (const Reference& reference : catalog.references)
    if (reference.child == table.id)
      out += (out.empty() ? "" : " OR ") + IsOrphanSql(catalog, reference);
  return out;
}

}  // namespace

void OrphanCensus::Reset(Connection* db, const Catalog* catalog, const Clock* clock) {
  db_ = db;
  catalog_ = catalog;
  clock_ = clock;
  pace_.Reset();
}

Result<bool> OrphanCensus::Step(int64_t writes) {
  if (catalog_ == nullptr || catalog_->references.empty()) {
    return std::exchange(count_, 0) != 0;
  }
  const int64_t now = clock_->MonotonicMs();
  if (!pace_.running()) {
    if (!pace_.Begin(writes, now)) return false;
    found_ = 0;
    table_ = 0;
    after_.reset();
    return false;
  }
  if (table_ < catalog_->tables.size()) {
    const TrackedTable& table = catalog_->tables[table_];
    const std::string is_orphan = IsOrphan(*catalog_, table);
    if (!after_ && table.has_shadow_table) {
      HL_ASSIGN(const int64_t hidden,
                db_->QueryInt(fmt::format("SELECT count(*) FROM {} WHERE wants IS NOT NULL",
                                          Quote(ShadowTableName(table.id)))));
      found_ += hidden;
    }
    table_done_ = true;
    // If orphans are hidden, none of them is left in the table.
    if (!is_orphan.empty() && !catalog_->hide_orphans) HL_TRY(CountPiece(table, is_orphan));
    if (table_done_) {
      ++table_;
      after_.reset();
    }
    pace_.Spend(clock_->MonotonicMs() - now);
    return false;
  }
  pace_.End(clock_->MonotonicMs());
  return std::exchange(count_, found_) != found_;
}

Result<std::optional<Row>> OrphanCensus::EndOfPiece(const TrackedTable& tracked) {
  const schema::Table& table = tracked.table;
  HL_ASSIGN(auto find, db_->PrepareCached(fmt::format(
                           "SELECT {} FROM {} c WHERE {}{} ORDER BY {} LIMIT 1 OFFSET {}",
                           Selected(table), Quote(table.name), KeyPresentInC(table),
                           after_ ? Compare(table, ">", 1) : "true", Order(table), kRows - 1)));
  if (after_) find->BindAll(*after_);
  HL_ASSIGN(const bool found, find->Step());
  if (!found) return std::optional<Row>();
  return std::optional<Row>(find->Values());
}

Status OrphanCensus::CountPiece(const TrackedTable& tracked, const std::string& is_orphan) {
  const schema::Table& table = tracked.table;
  HL_ASSIGN(std::optional<Row> end, EndOfPiece(tracked));
  const std::string from = after_ ? Compare(table, ">", 1) : "true";
  const std::string to = end ? Compare(table, "<=", 1 + table.key.size()) : "true";
  HL_ASSIGN(auto count, db_->PrepareCached(fmt::format(
                            "SELECT count(*) FROM {} c WHERE {}{} AND {} AND ({})",
                            Quote(table.name), KeyPresentInC(table), from, to, is_orphan)));
  if (after_) count->BindAll(*after_);
  if (end) count->BindAll(*end, 1 + static_cast<int>(table.key.size()));
  HL_ASSIGN(const bool row, count->Step());
  HL_CHECK(row);
  found_ += count->Int(0);
  table_done_ = !end.has_value();
  after_ = std::move(end);
  return Ok();
}

}  // namespace harmonylite::ledger
