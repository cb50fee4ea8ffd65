#include "cli/lint_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "apply/app_triggers.h"
#include "cli/known_tables.h"
#include "ledger/hidden_tables.h"
#include "ledger/references.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"
#include "sqlite/transaction.h"
#include "sqlite/unreadable.h"

namespace harmonylite::cli {

namespace {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

std::string Join(const std::vector<std::string>& parts, std::string_view separator = ", ") {
  return fmt::format("{}", fmt::join(parts, separator));
}

// Bytes that a row with a short key takes in its version table, once it was written
// (docs/performance.md, `size`).
constexpr int64_t kHiddenBytesPerRow = 33;

std::string CostText(int64_t rows) {
  const double megabytes = static_cast<double>(rows * kHiddenBytesPerRow) / 1e6;
  return megabytes < 1 ? "less than 1 MB" : fmt::format("up to {:.0f} MB", megabytes);
}

// Whose keys and unique values are nobody's business: rows of other nodes mean little there.
bool KeepsToItself(const std::optional<KnownTable>& known) {
  return known && (known->role == TableRole::kMigrations || known->role == TableRole::kCache ||
                   known->role == TableRole::kFileState);
}

// Where it does no harm that rows stay on their node.
bool MayStay(const std::optional<KnownTable>& known) {
  return KeepsToItself(known) || (known && known->role == TableRole::kJobs);
}

FindingKind KindOf(TableRole role) {
  switch (role) {
    case TableRole::kMigrations:
      return FindingKind::kMigrations;
    case TableRole::kJobs:
      return FindingKind::kJobs;
    case TableRole::kSessions:
      return FindingKind::kSessions;
    case TableRole::kCache:
      return FindingKind::kCache;
    case TableRole::kFileState:
      break;
  }
  return FindingKind::kFileState;
}

std::string WithOwner(const std::string& table, const KnownTable& known) {
  return fmt::format("{} ({})", table, known.owner);
}

std::string TermsOf(const schema::UniqueIndex& index) {
  std::vector<std::string> terms;
  for (const schema::IndexTerm& term : index.terms)
    terms.push_back(term.is_column ? sqlite::NameOf(term.sql) : term.sql);
  return fmt::format("({}){}{}", Join(terms), index.where_sql.empty() ? "" : " where ",
                     index.where_sql);
}

class Looker {
 public:
  Looker(Connection* db, LintResult* out) : db_(db), out_(out) {}

  Status File();
  Status Tables(const schema::Schema& schema);

 private:
  void Add(FindingKind kind, const std::string& table, std::string text, std::string detail = {}) {
    out_->findings[kind].push_back({table, std::move(text), std::move(detail)});
  }
  void AddFile(FindingKind kind, std::string detail) { Add(kind, "", "", std::move(detail)); }
  Result<std::optional<KnownTable>> Known(const std::string& table);
  Status Table(const ledger::Catalog& catalog, const schema::Table& table);
  Status Skipped(const schema::SkippedTable& skipped);
  Status Virtual(const std::string& table);
  Status Role(const schema::Table& table, const KnownTable& known);
  Status Key(const schema::Table& table);
  void ForeignKeys(const ledger::Catalog& catalog, const schema::Table& table);
  Status Triggers(const ledger::Catalog& catalog, const schema::Table& table);
  void Trigger(const schema::Table& table, const apply::ClassifiedTrigger& trigger);
  Status Defaults(const schema::Table& table);
  Result<int64_t> RowsWhere(const std::string& table, const std::string& condition);
  Result<int64_t> RowsWithNullInKey(const schema::Table& table);

  Connection* db_;
  LintResult* out_;
  std::set<std::string> fed_;  // tables that triggers which run everywhere write; in folded case
};

Status Looker::File() {
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(db_));
  if (installed == ledger::Installed::kLegacy) AddFile(FindingKind::kVersion1, "");
  HL_ASSIGN(const auto texts, sqlite::FindStoredTextProblems(db_));
  for (const sqlite::StoredTextProblem& text : texts)
    Add(FindingKind::kStoredText, "",
        fmt::format("the stored text of {} {} {}", text.type, text.name, text.what));
  HL_ASSIGN(const auto unreadable, sqlite::FindUnreadable(db_));
  for (const sqlite::UnreadableObject& object : unreadable)
    if (object.type == "trigger")
      Add(FindingKind::kTriggerUnknown, object.table,
          fmt::format("{}, trigger {}: {}", object.table, object.name, object.why));
  HL_ASSIGN(const int64_t version, db_->QueryInt("PRAGMA user_version"));
  if (version != 0) AddFile(FindingKind::kUserVersion, std::to_string(version));
  HL_ASSIGN(std::string encoding, db_->QueryText("PRAGMA encoding"));
  if (encoding != "UTF-8") AddFile(FindingKind::kEncoding, std::move(encoding));
  HL_ASSIGN(std::string mode, db_->QueryText("PRAGMA journal_mode"));
  if (mode != "wal") AddFile(FindingKind::kJournalMode, std::move(mode));
  return Ok();
}

Status Looker::Tables(const schema::Schema& schema) {
  ledger::Catalog catalog;
  catalog.schema_version = schema.version;
  for (const schema::Table& table : schema.tables)
    catalog.tables.push_back({static_cast<int64_t>(catalog.tables.size()) + 1, table});
  HL_TRY(ledger::ResolveReferences(db_, false, &catalog));
  for (const schema::Table& table : schema.tables) HL_TRY(Table(catalog, table));
  // Only now is it known what the triggers of all tables write.
  for (const schema::SkippedTable& skipped : schema.skipped) HL_TRY(Skipped(skipped));
  AddFile(FindingKind::kCost, CostText(out_->rows));
  return Ok();
}

Result<std::optional<KnownTable>> Looker::Known(const std::string& table) {
  HL_ASSIGN(auto list, db_->PrepareCached("SELECT name FROM pragma_table_info(?1)"));
  list->Bind(1, table);
  std::vector<std::string> columns;
  HL_TRY(list->ForEachRow([&](const Statement& row) { columns.emplace_back(row.Text(0)); }));
  return Recognise(table, columns);
}

Status Looker::Table(const ledger::Catalog& catalog, const schema::Table& table) {
  ++out_->tables;
  HL_ASSIGN(const int64_t rows, RowsWhere(table.name, "1"));
  out_->rows += rows;
  HL_ASSIGN(const std::optional<KnownTable> known, Known(table.name));
  if (known) HL_TRY(Role(table, *known));
  if (!KeepsToItself(known)) {
    HL_TRY(Key(table));
    for (const schema::UniqueIndex& index : table.unique_indexes)
      Add(FindingKind::kUnique, table.name, table.name, TermsOf(index));
    ForeignKeys(catalog, table);
  }
  HL_TRY(Triggers(catalog, table));
  return Defaults(table);
}

Status Looker::Skipped(const schema::SkippedTable& skipped) {
  if (skipped.cause == schema::SkipCause::kVirtual) return Virtual(skipped.name);
  if (skipped.cause == schema::SkipCause::kUnusable) {
    Add(FindingKind::kNotReplicated, skipped.name, skipped.name + ": " + skipped.reason);
    return Ok();
  }
  HL_ASSIGN(const std::optional<KnownTable> known, Known(skipped.name));
  if (MayStay(known))
    Add(FindingKind::kStaysLocal, skipped.name, WithOwner(skipped.name, *known));
  else
    Add(FindingKind::kNoKey, skipped.name, skipped.name);
  return Ok();
}

// FTS and R-tree keep what is written to them in tables of these names, unless it lies elsewhere.
Status Looker::Virtual(const std::string& table) {
  if (fed_.contains(sqlite::FoldCase(table))) {
    Add(FindingKind::kFedTable, table, table);
    return Ok();
  }
  HL_ASSIGN(auto list, db_->PrepareCached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND "
                                          "name COLLATE NOCASE IN (?1 || '_content', "
                                          "?1 || '_node')"));
  list->Bind(1, table);
  bool has_content = false;
  HL_TRY(list->ForEachRow([&](const Statement&) { has_content = true; }));
  Add(has_content ? FindingKind::kUnfedContent : FindingKind::kUnfedIndex, table, table);
  return Ok();
}

// Drizzle's ledger has NULL in the key of every row, which keeps it where it belongs.
Status Looker::Role(const schema::Table& table, const KnownTable& known) {
  FindingKind kind = KindOf(known.role);
  if (MayStay(known)) {
    HL_ASSIGN(const int64_t staying, RowsWithNullInKey(table));
    HL_ASSIGN(const int64_t rows, RowsWhere(table.name, "1"));
    if (rows > 0 && staying == rows) kind = FindingKind::kStaysLocal;
  }
  Add(kind, table.name, WithOwner(table.name, known));
  return Ok();
}

Status Looker::Key(const schema::Table& table) {
  const std::string key = fmt::format("({})", table.key[0].name);
  if (table.identity)
    Add(FindingKind::kIdentity, table.name, table.name);
  else if (table.rowid_key)
    Add(FindingKind::kByRowid, table.name, table.name);
  else if (table.autoincrement)
    Add(FindingKind::kCountedIds, table.name, table.name, key);
  else if (table.SqliteGivesKey())
    Add(FindingKind::kCollidingIds, table.name, table.name, key);
  for (const schema::KeyColumn& column : table.key)
    if (column.nullable)
      Add(FindingKind::kNullableKey, table.name, table.name, fmt::format("({})", column.name));
  HL_ASSIGN(const int64_t staying, RowsWithNullInKey(table));
  if (staying > 0)
    Add(FindingKind::kNullKey, table.name, fmt::format("{} ({})", table.name, staying));
  return Ok();
}

void Looker::ForeignKeys(const ledger::Catalog& catalog, const schema::Table& table) {
  for (size_t i = 0; i < table.foreign_keys.size(); ++i) {
    const schema::ForeignKey& key = table.foreign_keys[i];
    const std::string detail = fmt::format("({}) → {}", Join(key.columns), key.parent);
    const auto reference = std::find_if(
        catalog.references.begin(), catalog.references.end(), [&](const ledger::Reference& one) {
          return one.foreign_key == i && catalog.ById(one.child) == catalog.ByName(table.name);
        });
    if (reference == catalog.references.end()) {
      Add(FindingKind::kUnjudged, table.name, table.name, detail);
      continue;
    }
    Add(FindingKind::kForeignKey, table.name, table.name, detail);
    if (!reference->to_key)
      Add(FindingKind::kNotToKey, table.name, table.name, detail);
    else if (!reference->indexed)
      Add(FindingKind::kUnindexedChild, table.name, table.name, detail);
  }
}

Status Looker::Triggers(const ledger::Catalog& catalog, const schema::Table& table) {
  auto triggers = apply::ClassifyTriggers(db_, catalog, table);
  if (!triggers.ok()) {
    if (triggers.error().code() != ErrorCode::kInvalidArgument) return std::move(triggers).error();
    Add(FindingKind::kTriggerUnknown, table.name,
        fmt::format("{}: {}", table.name, triggers.error().message()));
    return Ok();
  }
  for (const apply::ClassifiedTrigger& trigger : *triggers) Trigger(table, trigger);
  return Ok();
}

void Looker::Trigger(const schema::Table& table, const apply::ClassifiedTrigger& trigger) {
  const std::string text = fmt::format("{} on {}", trigger.name, table.name);
  if (const auto why = apply::WhyOff(trigger)) {
    Add(FindingKind::kTriggerOff, table.name, fmt::format("{} {}", text, why->what));
  } else if (trigger.effect == apply::TriggerEffect::kLocal) {
    Add(FindingKind::kTriggerRuns, table.name, text);
    fed_.insert(trigger.local_tables.begin(), trigger.local_tables.end());
  } else {
    Add(FindingKind::kTriggerRests, table.name, text);
  }
}

Status Looker::Defaults(const schema::Table& table) {
  HL_ASSIGN(auto list, db_->PrepareCached("SELECT name, dflt_value FROM pragma_table_info(?1) "
                                          "WHERE dflt_value IS NOT NULL"));
  list->Bind(1, table.name);
  return list->ForEachRow([&](const Statement& row) {
    const std::string value = sqlite::FoldCase(row.Text(1));
    if (value.find("current_") != std::string::npos || value.find("random") != std::string::npos)
      Add(FindingKind::kDefault, table.name, table.name,
          fmt::format("({}): {}", row.Text(0), row.Text(1)));
  });
}

Result<int64_t> Looker::RowsWhere(const std::string& table, const std::string& condition) {
  return db_->QueryInt(fmt::format("SELECT count(*) FROM {} WHERE {}", Quote(table), condition));
}

Result<int64_t> Looker::RowsWithNullInKey(const schema::Table& table) {
  std::vector<std::string> conditions;
  for (const schema::KeyColumn& key : table.key)
    if (key.nullable) conditions.push_back(Quote(key.name) + " IS NULL");
  if (conditions.empty()) return 0;
  return RowsWhere(table.name, Join(conditions, " OR "));
}

}  // namespace

Result<LintResult> Lint(Connection* db, const schema::LoadOptions& options) {
  // The connection that applies changes ignores CHECK constraints, too.
  HL_TRY(db->Exec("PRAGMA ignore_check_constraints = ON"));
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kRead));
  HL_ASSIGN(const schema::Schema schema, schema::Load(db, options));
  LintResult out;
  Looker looker(db, &out);
  HL_TRY(looker.File());
  HL_TRY(looker.Tables(schema));
  return out;
}

}  // namespace harmonylite::cli
