#include "capture/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "capture/journal.h"
#include "ledger/hash_judge.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/row_query.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using change::Row;
using change::Value;
using change::ValueView;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Journals a write of each key. Callers collect the keys first, because the journal must not grow
// under a statement that is being read. The memory for them is bounded by what really changed.
Status JournalAll(Connection* db, const ledger::TrackedTable& tracked, const std::vector<Row>& keys,
                  const Clock& clock) {
  for (const Row& key : keys) {
    const std::vector<ValueView> views = change::Views(key);
    HL_TRY(Append(db, tracked, views, clock));
  }
  return Ok();
}

// Returns the condition that the row of version v is not shadowed, as " AND …". A shadowed row is
// not in its table, but it is not deleted either.
std::string NotShadowed(const ledger::TrackedTable& tracked) {
  if (!tracked.has_shadow_table) return "";
  return fmt::format(" AND NOT EXISTS(SELECT 1 FROM {} s WHERE {})",
                     Quote(ledger::ShadowTableName(tracked.id)),
                     ledger::HiddenKeysEqual("s", "v", tracked.table));
}

}  // namespace

// An audit takes two passes. The first one goes over the rows of the table, each with its version,
// if it has one. It finds rows that were inserted (no version, or a version that says "deleted")
// and rows that were changed (another hash). The second one goes over the versions of live rows and
// finds those whose row is neither in the table nor shadowed: they were deleted. All keys that were
// found are then journaled as written now.
Result<AuditReport> AuditTable(Connection* db, const ledger::TrackedTable& tracked,
                               const ledger::RegisteredTable& registered, const Clock& clock) {
  const schema::Table& table = tracked.table;
  const ledger::HashJudge judge(table, registered);
  const std::string versions = Quote(ledger::VersionTableName(tracked.id));
  AuditReport report;
  std::vector<Row> changed;

  HL_ASSIGN(Statement rows,
            db->Prepare(fmt::format("SELECT v.hash, v.gone{}{} FROM {} t LEFT JOIN {} v ON {}",
                                    ledger::KeyColumns("v", table),
                                    ledger::ImageColumns("t", table), Quote(table.name), versions,
                                    ledger::HiddenMatches("v", "t", table))));
  ledger::RowReader reader(db, table, /*first_column=*/2);
  while (true) {
    HL_ASSIGN(const bool row, rows.Step());
    if (!row) break;
    HL_TRY(reader.Read(rows));
    if (!reader.present()) continue;  // A row with NULL in its key exists on this node only.
    const bool local = std::ranges::any_of(table.key_positions, [&](uint32_t position) {
      return reader.image()[position].type == change::ValueType::kNull;
    });
    if (local) continue;
    const bool has_version = !rows.IsNull(1);
    ledger::HashJudge::Verdict verdict = ledger::HashJudge::kChanged;
    if (!has_version && registered.had_rows) {
      verdict = ledger::HashJudge::kSame;
      ++report.unversioned;
    }
    if (has_version && rows.Int(1) == 0) verdict = judge.Judge(reader.image(), rows.Int(0));
    report.undecidable += verdict == ledger::HashJudge::kUndecidable;
    if (verdict != ledger::HashJudge::kChanged) continue;
    Row& key = changed.emplace_back();
    for (const uint32_t position : table.key_positions) key.emplace_back(reader.image()[position]);
  }

  HL_ASSIGN(Statement gone,
            db->Prepare(fmt::format(
                "SELECT 0{}{} FROM {} v LEFT JOIN {} t ON {} WHERE v.gone = 0 "
                "AND {} IS NULL{}",
                ledger::KeyColumns("v", table), ledger::ImageColumns("t", table), versions,
                Quote(table.name), ledger::KeyMatches("t", "v", table),
                ledger::ColumnIn("t", table, table.key[0].name), NotShadowed(tracked))));
  ledger::RowReader missing(db, table, /*first_column=*/1);
  HL_TRY(gone.ForEachRow([&](const Statement& row) -> Status {
    HL_TRY(missing.Read(row));
    Row key;
    for (const ValueView& value : missing.key()) key.emplace_back(value);
    changed.push_back(std::move(key));
    return Ok();
  }));
  HL_TRY(JournalAll(db, tracked, changed, clock));
  report.journaled = static_cast<int64_t>(changed.size());
  return report;
}

Status JournalUnfolded(Connection* db, const ledger::TrackedTable& tracked, Lseq folded_to,
                       const Clock& clock) {
  std::string columns;
  for (size_t i = 1; i <= tracked.table.key.size(); ++i)
    columns += fmt::format("{}k{}", i == 1 ? "" : ", ", i);
  std::vector<Row> keys;
  {
    HL_ASSIGN(Statement list,
              db->Prepare(fmt::format("SELECT DISTINCT {} FROM __harmonylite__journal "
                                      "WHERE id > ?1 AND tbl = ?2 AND op = 1",
                                      columns)));
    list.Bind(1, folded_to.value);
    list.Bind(2, tracked.id);
    HL_TRY(list.ForEachRow([&](const Statement& row) { keys.push_back(row.Values()); }));
  }
  return JournalAll(db, tracked, keys, clock);
}

}  // namespace harmonylite::capture
