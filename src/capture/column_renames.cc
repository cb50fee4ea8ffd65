#include "capture/column_renames.h"

#include <fmt/format.h>

#include "change/row_hash.h"
#include "ledger/hash_judge.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/registry.h"
#include "ledger/row_query.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using sqlite::SameName;

// Rows that are looked at. One that differs decides.
constexpr int kRows = 10'000;

schema::Table UnderFormerNames(schema::Table table, const schema::ColumnRenames& renames) {
  for (size_t i = 0; i < table.columns.size(); ++i)
    for (const auto& [from, to] : renames) {
      if (!SameName(table.columns[i], to)) continue;
      table.columns[i] = from;
      table.column_seeds[i] = change::ColumnSeed(sqlite::FoldCase(from));
    }
  return table;
}

}  // namespace

Result<bool> WereRenamed(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                         const schema::ColumnRenames& renames) {
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db));
  const ledger::RegisteredTable* registered = nullptr;
  for (const ledger::RegisteredTable& one : registry)
    if (one.id == tracked.id) registered = &one;
  if (registered == nullptr) return true;
  const schema::Table& table = tracked.table;
  const schema::Table former = UnderFormerNames(table, renames);
  const ledger::HashJudge as_now(table, *registered);
  const ledger::HashJudge as_before(former, *registered);
  HL_ASSIGN(auto rows, db->Prepare(fmt::format(
                           "SELECT v.hash{}{} FROM {} v JOIN {} t ON {} WHERE v.gone = 0 AND "
                           "v.hash IS NOT NULL LIMIT {}",
                           ledger::KeyColumns("v", table), ledger::ImageColumns("t", table),
                           sqlite::Quote(ledger::VersionTableName(tracked.id)),
                           sqlite::Quote(table.name), ledger::KeyMatches("t", "v", table), kRows)));
  ledger::RowReader reader(db, table, /*first_column=*/1);
  bool other = false;  // a row is neither what it was under the former names nor a newer write
  while (true) {
    HL_ASSIGN(const bool row, rows.Step());
    if (!row) return !other;
    HL_TRY(reader.Read(rows));
    if (!reader.present()) continue;
    const bool now = as_now.Judge(reader.image(), rows.Int(0)) == ledger::HashJudge::kSame;
    const bool before = as_before.Judge(reader.image(), rows.Int(0)) == ledger::HashJudge::kSame;
    if (before && !now) return true;
    other = other || (!before && !now);
  }
}

}  // namespace harmonylite::capture
