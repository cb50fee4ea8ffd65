#include "snapshot/integrity.h"

#include <algorithm>
#include <vector>

#include "sqlite/identifier.h"

namespace harmonylite::snapshot {

namespace {

constexpr const char* kFine = "ok";
// Takes up the free pages. Its name is one of ours, so that nobody else has it.
constexpr const char* kFiller = "__harmonylite__filler";
// The most pages that one value takes up, so that it stays below SQLite's greatest length.
constexpr int64_t kPagesAtOnce = 4'096;

// True if SQLite would take the name of a table for the number of problems to list.
bool IsNumber(const std::string& name) {
  return !name.empty() && name.find_first_not_of("+-0123456789") == std::string::npos;
}

Result<std::string> FindDamageByTable(sqlite::Connection* db) {
  std::vector<std::string> tables;
  {
    HL_ASSIGN(sqlite::Statement list, db->Prepare("SELECT name FROM pragma_table_list WHERE schema "
                                                  "= 'main' AND type IN ('table', 'shadow')"));
    HL_TRY(
        list.ForEachRow([&](const sqlite::Statement& row) { tables.emplace_back(row.Text(0)); }));
  }
  for (const std::string& table : tables) {
    if (IsNumber(table)) continue;
    auto verdict = db->QueryText(fmt::format("PRAGMA integrity_check({})", sqlite::Quote(table)));
    if (!verdict.ok() && verdict.error().code() == ErrorCode::kInvalidArgument) continue;
    if (!verdict.ok()) return std::move(verdict).error();
    if (*verdict != kFine) return fmt::format("table {}: {}", table, *verdict);
  }
  return std::string();
}

}  // namespace

Result<std::string> FindDamage(sqlite::Connection* db) {
  // Rows from other nodes are not judged by this schema's CHECK constraints when they are applied,
  // so they must not be judged by them here.
  HL_TRY(db->Exec("PRAGMA ignore_check_constraints = ON"));
  auto verdict = db->QueryText("PRAGMA integrity_check(1)");
  const bool lacks = !verdict.ok() && verdict.error().code() == ErrorCode::kInvalidArgument;
  // The pages of a table that SQLite cannot read would seem to be nobody's.
  if (lacks || db->schema_is_partial()) return FindDamageByTable(db);
  if (!verdict.ok()) return std::move(verdict).error();
  return *verdict == kFine ? std::string() : std::move(*verdict);
}

// A table takes up the free pages and fills them with zeros; dropping it leaves them so.
Status ClearFreePages(sqlite::Connection* db) {
  HL_ASSIGN(const int64_t page_size, db->QueryInt("PRAGMA page_size"));
  HL_ASSIGN(int64_t free, db->QueryInt("PRAGMA freelist_count"));
  if (free == 0) return Ok();
  HL_TRY(db->Exec(fmt::format("CREATE TABLE {}(x)", kFiller)));
  while (free > 0) {
    HL_TRY(db->Exec(fmt::format("INSERT INTO {} VALUES(zeroblob({}))", kFiller,
                                std::min(free, kPagesAtOnce) * page_size)));
    HL_ASSIGN(free, db->QueryInt("PRAGMA freelist_count"));
  }
  return db->Exec(fmt::format("DROP TABLE {}", kFiller));
}

}  // namespace harmonylite::snapshot
