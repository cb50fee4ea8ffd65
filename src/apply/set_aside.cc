#include "apply/set_aside.h"

#include <fmt/format.h>

#include <span>

#include "base/mutant.h"
#include "ledger/conflict_log.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/row_query.h"
#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"

namespace harmonylite::apply {

namespace {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Returns who changed the object last, and when.
Result<ledger::ConflictSide> WriterOf(Connection* db, const schema::ObjectId& object) {
  HL_ASSIGN(auto number, db->PrepareCached("SELECT id FROM __harmonylite__tables WHERE name = ?1"));
  number->Bind(1, schema::kSchemaTable);
  HL_ASSIGN(const bool known, number->Step());
  if (!known) return ledger::ConflictSide{};
  HL_ASSIGN(auto find, db->PrepareCached(fmt::format("SELECT hlc, n FROM {} WHERE k1 = ?1 AND "
                                                     "k2 = ?2",
                                                     ledger::VersionTableName(number->Int(0)))));
  find->Bind(1, schema::KindName(object.kind));
  find->Bind(2, object.id);
  HL_ASSIGN(const bool found, find->Step());
  if (!found) return ledger::ConflictSide{};
  return ledger::ConflictSide{Hlc(find->Int(0)), ledger::OriginIndex(find->Int(1)), {}};
}

// True if one of the arguments of a full-text table names the table that has its content.
bool HasExternalContent(std::string_view sql) {
  bool is_content = false;
  std::string_view before;
  for (size_t at = 0; at < sql.size(); at += sqlite::TokenLength(sql, at)) {
    const std::string_view token = sql.substr(at, sqlite::TokenLength(sql, at));
    if (sqlite::IsBlank(token)) continue;
    if (is_content) return sqlite::NameOf(token) != "" && token != "''";
    is_content = token == "=" && sqlite::SameName(before, "content");
    before = token;
  }
  return false;
}

bool AllNull(const schema::Table& table, std::span<const change::ValueView> image,
             const std::vector<std::string>& columns) {
  for (size_t i = 0; i < table.columns.size(); ++i)
    for (const std::string& column : columns)
      if (sqlite::SameName(table.columns[i], column) && image[i].type != change::ValueType::kNull)
        return false;
  return true;
}

}  // namespace

Result<int64_t> SetAsideUnseen(Connection* db, const ledger::TrackedTable& tracked,
                               const schema::ObjectRow& object,
                               const std::vector<std::string>& columns, const AmongApplied& among) {
  if (HL_MUTANT(unseen_rows_dropped)) return 0;
  const schema::Table& table = tracked.table;
  HL_ASSIGN(const ledger::ConflictSide writer, WriterOf(db, object.key));
  HL_ASSIGN(Statement rows, db->Prepare(fmt::format(
                                "SELECT v.hlc, v.n, v.lseq{}{} FROM {} v JOIN {} t ON {} WHERE "
                                "v.gone = 0",
                                ledger::KeyColumns("v", table), ledger::ImageColumns("t", table),
                                Quote(ledger::VersionTableName(tracked.id)), Quote(table.name),
                                ledger::KeyMatches("t", "v", table))));
  ledger::RowReader reader(db, table, /*first_column=*/3);
  int64_t kept = 0;
  while (true) {
    HL_ASSIGN(const bool row, rows.Step());
    if (!row) return kept;
    const ledger::OriginIndex origin(rows.Int(1));
    HL_ASSIGN(const bool known, among(object.seen, origin, Lseq(rows.Int(2))));
    if (known) continue;
    HL_TRY(reader.Read(rows));
    if (!reader.present()) continue;
    if (!columns.empty() && AllNull(table, reader.image(), columns)) continue;
    HL_ASSIGN([[maybe_unused]] const int64_t id,
              ledger::AddConflict(db, tracked, ledger::conflict_kind::kDropped, reader.key(),
                                  {Hlc(rows.Int(0)), origin, reader.image()}, writer));
    ++kept;
  }
}

Status FillVirtualTable(Connection* db, const std::string& name, std::string_view sql) {
  if (!schema::IsVirtual(sql) || !HasExternalContent(sql)) return Ok();
  return db->Exec(fmt::format("INSERT INTO main.{0}({0}) VALUES('rebuild')", Quote(name)));
}

}  // namespace harmonylite::apply
