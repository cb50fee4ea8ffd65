#include "capture/column_renames.h"

#include <fmt/format.h>

#include <algorithm>

#include "capture/journal.h"
#include "change/row_hash.h"
#include "ledger/column_default.h"
#include "ledger/hash_judge.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/registry.h"
#include "ledger/row_query.h"
#include "sqlite/identifier.h"
#include "sqlite/literal.h"

namespace harmonylite::capture {

namespace {

using sqlite::Quote;
using sqlite::SameName;

// Rows that are looked at. The first that tells something decides.
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

// What the renamed columns would show if they were new, by position in the table's columns.
using Defaults = std::vector<std::pair<size_t, change::Value>>;

Result<Defaults> DefaultsOfRenamed(sqlite::Connection* db, const schema::Table& table,
                                   const schema::ColumnRenames& renames) {
  Defaults out;
  for (size_t i = 0; i < table.columns.size(); ++i)
    for (const auto& [from, to] : renames) {
      if (!SameName(table.columns[i], to)) continue;
      HL_ASSIGN(auto value, ledger::ConstantDefaultOf(db, table, to));
      out.emplace_back(i, value ? std::move(*value) : change::Value());
    }
  return out;
}

bool HasOther(std::span<const change::ValueView> image, const Defaults& defaults) {
  return std::ranges::any_of(defaults, [&](const auto& one) {
    return !change::Identical(image[one.first], one.second.view());
  });
}

// Leaves out the lists of columns that have a new name: no row was written under them before.
ledger::RegisteredTable WithoutNewShapes(ledger::RegisteredTable table,
                                         const schema::ColumnRenames& renames) {
  std::erase_if(table.shapes, [&](const std::vector<std::string>& columns) {
    return std::ranges::any_of(columns, [&](const std::string& column) {
      return std::ranges::any_of(
          renames, [&](const auto& rename) { return SameName(rename.second, column); });
    });
  });
  return table;
}

}  // namespace

Result<RenameEvidence> WereRenamed(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                                   const schema::ColumnRenames& renames, bool needs_proof) {
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db));
  const ledger::RegisteredTable* registered = nullptr;
  for (const ledger::RegisteredTable& one : registry)
    if (one.id == tracked.id) registered = &one;
  RenameEvidence out{!needs_proof, {}};
  if (registered == nullptr) return out;
  const schema::Table& table = tracked.table;
  const schema::Table former = UnderFormerNames(table, renames);
  const ledger::HashJudge as_now(table, *registered);
  const ledger::HashJudge as_before(former, WithoutNewShapes(*registered, renames));
  HL_ASSIGN(auto rows,
            db->Prepare(fmt::format(
                "SELECT v.hash, v.n, v.lseq{}{} FROM {} v JOIN {} t ON {} WHERE v.gone = 0 AND "
                "v.hash IS NOT NULL LIMIT {}",
                ledger::KeyColumns("v", table), ledger::ImageColumns("t", table),
                sqlite::Quote(ledger::VersionTableName(tracked.id)), sqlite::Quote(table.name),
                ledger::KeyMatches("t", "v", table), kRows)));
  ledger::RowReader reader(db, table, /*first_column=*/3);
  HL_ASSIGN(const ledger::State state, ledger::LoadState(db));
  HL_ASSIGN(const auto defaults, DefaultsOfRenamed(db, table, renames));
  int seen = 0;
  while (true) {
    HL_ASSIGN(const bool row, rows.Step());
    if (!row) break;
    HL_TRY(reader.Read(rows));
    if (!reader.present()) continue;
    ++seen;
    const ledger::HashJudge::Verdict before = as_before.Judge(reader.image(), rows.Int(0));
    const bool now = as_now.Judge(reader.image(), rows.Int(0)) == ledger::HashJudge::kSame;
    if (!now && before == ledger::HashJudge::kChanged) return RenameEvidence{};
    // A dropped column and a new one may both show their default.
    if (!now && before == ledger::HashJudge::kSame && HasOther(reader.image(), defaults))
      return RenameEvidence{true, {}};
    const bool just_folded =
        rows.Int(1) == state.self_index.value && Lseq(rows.Int(2)) > state.folded_to;
    if (just_folded || before == ledger::HashJudge::kUndecidable)
      out.unclear.emplace_back(reader.key().begin(), reader.key().end());
  }
  if (seen == kRows || !out.renamed) return RenameEvidence{};
  return out;
}

Status JournalNewValues(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                        const std::vector<std::string>& columns, const Clock& clock) {
  const schema::Table& table = tracked.table;
  std::string differs;
  change::Row defaults;
  for (const std::string& column : columns) {
    HL_ASSIGN(auto value, ledger::ConstantDefaultOf(db, table, column));
    defaults.push_back(value ? std::move(*value) : change::Value());
    differs += fmt::format("{}t.{} IS NOT ?{}", differs.empty() ? "" : " OR ", Quote(column),
                           defaults.size());
  }
  std::vector<change::Row> keys;
  {
    HL_ASSIGN(auto rows,
              db->Prepare(fmt::format(
                  "SELECT 0{} FROM {} v JOIN {} t ON {} WHERE v.gone = 0 AND ({})",
                  ledger::KeyColumns("v", table), Quote(ledger::VersionTableName(tracked.id)),
                  Quote(table.name), ledger::KeyMatches("t", "v", table), differs)));
    rows.BindAll(change::Views(defaults));
    HL_TRY(rows.ForEachRow([&](const sqlite::Statement& row) { keys.push_back(row.Values(1)); }));
  }
  for (const change::Row& key : keys) HL_TRY(Append(db, tracked, change::Views(key), clock));
  return Ok();
}

Result<Initials> InitialsOf(sqlite::Connection* db, const schema::Table& table) {
  HL_ASSIGN(auto list,
            db->PrepareCached("SELECT name, coalesce(dflt_value, 'NULL'), \"notnull\" <> 0 "
                              "AND dflt_value IS NULL FROM pragma_table_info(?1) "
                              "WHERE pk = 0"));
  list->Bind(1, table.name);
  Initials out;
  HL_TRY(list->ForEachRow([&](const sqlite::Statement& row) {
    if (row.Int(2) == 0 && ledger::IsConstantDefault(row.Text(1)))
      out.emplace(sqlite::FoldCase(row.Text(0)), row.Text(1));
  }));
  return out;
}

Result<std::optional<std::string>> SharedValueOf(sqlite::Connection* db, const schema::Table& table,
                                                 const std::string& column) {
  using Literal = std::optional<std::string>;
  HL_ASSIGN(auto find, db->Prepare("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2 AND "
                                   "\"notnull\" <> 0 AND dflt_value IS NULL AND pk = 0"));
  find.Bind(1, table.name);
  find.Bind(2, column);
  HL_ASSIGN(const bool found, find.Step());
  if (!found) return Literal();
  HL_ASSIGN(auto rows, db->Prepare(fmt::format("SELECT DISTINCT {} FROM main.{} LIMIT 2",
                                               Quote(column), Quote(table.name))));
  HL_ASSIGN(const std::vector<change::Row> values, rows.AllRows());
  if (values.size() != 1) return Literal();
  return Literal(sqlite::Literal(values[0][0].view()));
}

}  // namespace harmonylite::capture
