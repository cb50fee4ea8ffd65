#include "ledger/row_identity.h"

#include <fmt/format.h>

#include "base/mutant.h"
#include "change/row_hash.h"
#include "ledger/contradiction.h"
#include "ledger/hidden_tables.h"
#include "sqlite/identifier.h"
#include "sqlite/script.h"

namespace harmonylite::ledger {

namespace {

using change::Value;
using change::ValueView;
using sqlite::Connection;

constexpr const char* kRowidMark = "__harmonylite__rowids";
constexpr size_t kHashBytes = 8;

void AppendBigEndian(uint64_t number, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out->push_back(static_cast<char>((number >> shift) & 0xff));
}

std::string IndexName(int64_t table_id) { return RowMapName(table_id) + "_identity"; }

}  // namespace

std::string RowMapName(int64_t table_id) { return fmt::format("__harmonylite__m{}", table_id); }

Status CreateRowMap(Connection* db, int64_t table_id) {
  HL_ASSIGN(const bool marked, HasHiddenTable(db, kRowidMark));
  if (!marked)
    HL_TRY(sqlite::RunScript(db,
                             "CREATE TABLE __harmonylite__rowids(x);"
                             "INSERT INTO __harmonylite__rowids(_rowid_, x) VALUES(2, 0);"));
  HL_TRY(db->Exec(fmt::format("CREATE TABLE {}(local INTEGER PRIMARY KEY, k1 NOT NULL)",
                              sqlite::Quote(RowMapName(table_id)))));
  return IndexRowMap(db, table_id);
}

Status IndexRowMap(Connection* db, int64_t table_id) {
  return db->Exec(fmt::format("CREATE UNIQUE INDEX {} ON {}(k1)",
                              sqlite::Quote(IndexName(table_id)),
                              sqlite::Quote(RowMapName(table_id))));
}

Status EmptyRowMap(Connection* db, int64_t table_id) {
  HL_TRY(db->Exec("DROP INDEX " + sqlite::Quote(IndexName(table_id))));
  return db->Exec("DELETE FROM " + sqlite::Quote(RowMapName(table_id)));
}

Result<bool> RowidsChanged(Connection* db) {
  HL_ASSIGN(const bool marked, HasHiddenTable(db, kRowidMark));
  if (!marked || HL_MUTANT(vacuum_unnoticed)) return false;
  HL_ASSIGN(const int64_t hold, db->QueryInt(fmt::format("SELECT {}", kRowidsHold)));
  return hold == 0;
}

Result<bool> RenumberingUnnoted(Connection* db) {
  HL_ASSIGN(const int64_t unnoted, db->QueryInt(fmt::format("SELECT {}", kRenumberingUnnoted)));
  return unnoted != 0;
}

Status ResetRowidMark(Connection* db) {
  return sqlite::RunScript(db,
                           "DELETE FROM __harmonylite__rowids;"
                           "INSERT INTO __harmonylite__rowids(_rowid_, x) VALUES(2, 0);");
}

std::string DrawnIdentity(std::string_view rowid) {
  if (HL_MUTANT(identity_is_the_rowid)) return fmt::format("CAST({} AS BLOB)", rowid);
  return "randomblob(16)";
}

std::string PlaceWithIdentity(std::string_view rowid) {
  return fmt::format("{} || ':' || hex(randomblob(8))", rowid);
}

uint64_t ContentHash(const schema::Table& table, std::span<const ValueView> image) {
  uint64_t sum = 0;
  for (size_t i = 1; i < image.size(); ++i)
    sum += change::HashColumn(table.column_seeds[i], image[i]);
  return sum;
}

Value ContentIdentity(uint64_t content_hash, uint64_t ordinal) {
  std::string bytes;
  AppendBigEndian(content_hash, &bytes);
  AppendBigEndian(ordinal, &bytes);
  return Value(ValueView::Blob(bytes));
}

std::optional<int64_t> ContentHashIn(const ValueView& identity) {
  if (identity.type != change::ValueType::kBlob || identity.bytes.size() != 2 * kHashBytes)
    return std::nullopt;
  uint64_t hash = 0;
  for (size_t i = 0; i < kHashBytes; ++i)
    hash = hash << 8 | static_cast<unsigned char>(identity.bytes[i]);
  return static_cast<int64_t>(hash);
}

}  // namespace harmonylite::ledger
