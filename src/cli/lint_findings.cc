#include "cli/lint_findings.h"

#include <algorithm>

#include "apply/app_triggers.h"
#include "ledger/hidden_tables.h"
#include "ledger/references.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Bytes that a row with a short key takes in its version table, once it was written
// (docs/performance.md, `size`).
constexpr int64_t kHiddenBytesPerRow = 33;

class Linter {
 public:
  Linter(Connection* db, std::vector<Finding>* out) : db_(db), out_(out) {}

  Status Database();
  Status Tables(const schema::Schema& schema);

 private:
  void Add(Severity severity, std::string what, std::string advice = {}) {
    out_->push_back({severity, table_, std::move(what), std::move(advice)});
  }
  Status Table(const ledger::Catalog& catalog, const schema::Table& table);
  Status Key(const schema::Table& table);
  Status UniqueIndexes(const schema::Table& table);
  void ForeignKeys(const ledger::Catalog& catalog, const schema::Table& table);
  Status Triggers(const ledger::Catalog& catalog, const schema::Table& table);
  Status Defaults(const schema::Table& table);
  Status Writable(const schema::Table& table);
  Status Cost(const schema::Table& table);

  Connection* db_;
  std::vector<Finding>* out_;
  std::string table_;  // the table that findings are about; empty for the whole database
};

std::string Join(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ", "));
}

Status Linter::Database() {
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(db_));
  if (installed == ledger::Installed::kLegacy)
    Add(Severity::kProblem, "it has the tables and triggers of HarmonyLite 1.x",
        "stop that version and run harmonylite -config FILE -cleanup once");
  HL_ASSIGN(const std::string mode, db_->QueryText("PRAGMA journal_mode"));
  if (mode != "wal")
    Add(Severity::kNote, fmt::format("its journal mode is {}; the sidecar changes it to wal", mode),
        "-cleanup changes it back");
  HL_ASSIGN(const std::string encoding, db_->QueryText("PRAGMA encoding"));
  if (encoding != "UTF-8")
    Add(Severity::kNote,
        fmt::format("its text is {}; it travels as UTF-8, and text that is not well-formed is not "
                    "preserved",
                    encoding));
  HL_ASSIGN(const auto texts, sqlite::FindStoredTextProblems(db_));
  for (const sqlite::StoredTextProblem& text : texts)
    Add(Severity::kProblem,
        fmt::format("the stored text of {} {} {}", text.type, text.name, text.what),
        sqlite::AdviceForStoredTexts());
  return Ok();
}

Status Linter::Tables(const schema::Schema& schema) {
  ledger::Catalog catalog;
  catalog.schema_version = schema.version;
  for (const schema::Table& table : schema.tables)
    catalog.tables.push_back({static_cast<int64_t>(catalog.tables.size()) + 1, table});
  HL_TRY(ledger::ResolveReferences(db_, false, &catalog));
  for (const schema::Table& table : schema.tables) {
    table_ = table.name;
    HL_TRY(Table(catalog, table));
  }
  for (const schema::SkippedTable& skipped : schema.skipped) {
    table_ = skipped.name;
    Add(skipped.is_virtual ? Severity::kNote : Severity::kProblem,
        "is not replicated: " + skipped.reason);
  }
  return Ok();
}

Status Linter::Table(const ledger::Catalog& catalog, const schema::Table& table) {
  HL_TRY(Writable(table));
  HL_TRY(Key(table));
  HL_TRY(UniqueIndexes(table));
  ForeignKeys(catalog, table);
  HL_TRY(Triggers(catalog, table));
  HL_TRY(Defaults(table));
  return Cost(table);
}

// Checks that this program's SQLite can write to the table. If it cannot, for example because an
// index uses a function that only the application has, the first change of that table from another
// node holds up all that follow.
Status Linter::Writable(const schema::Table& table) {
  std::vector<std::string> names;
  std::vector<std::string> nulls;
  for (size_t i = table.first_real_column(); i < table.columns.size(); ++i) {
    names.push_back(Quote(table.columns[i]));
    nulls.push_back("NULL");
  }
  db_->EnableTriggers(false);
  auto insert = db_->Prepare(
      fmt::format("INSERT INTO {}({}) VALUES({})", Quote(table.name), Join(names), Join(nulls)));
  if (insert.ok()) return Ok();
  if (insert.error().code() != ErrorCode::kInvalidArgument) return std::move(insert).error();
  Add(Severity::kProblem,
      fmt::format("rows of other nodes cannot be written to it here: {}", insert.error().message()),
      "an index or a generated column needs something that only the application has: exclude the "
      "table ([tables] exclude) or change it");
  return Ok();
}

Status Linter::Key(const schema::Table& table) {
  const std::string advice =
      "let the application give keys that no other node gives: a random text (DEFAULT "
      "(lower(hex(randomblob(16))))), or a range of numbers for each node";
  if (table.rowid_key) {
    Add(Severity::kWarning,
        "has no key and is replicated by rowid: rows of different nodes take the same number, and "
        "VACUUM gives rows other numbers, which means wrong rows on the other nodes",
        "add a PRIMARY KEY");
    return Ok();
  }
  if (table.identity) {
    Add(Severity::kNote,
        "has no key: its rows are known by hidden identities, equal rows that two nodes insert are "
        "two rows, and rowids differ from node to node",
        "a PRIMARY KEY makes equal rows one, if that is what they mean");
    return Ok();
  }
  if (table.autoincrement)
    Add(Severity::kNote,
        fmt::format(
            "key {} is a number that SQLite gives: each node gives numbers of its own, which "
            "are not consecutive",
            table.key[0].name),
        "nothing to do, unless one transaction inserts more than 2,000 rows on several nodes at once "
        "([ids] block)");
  else if (table.integer_key)
    Add(Severity::kWarning,
        fmt::format("key {} is a number that SQLite gives: two nodes that insert at the same time "
                    "give the same one, and the newer row replaces the older everywhere",
                    table.key[0].name),
        "run 'harmonylite ids' on every node, which makes it AUTOINCREMENT and changes no row; or " +
            advice + "; nothing to do when only one node inserts");
  for (const schema::KeyColumn& key : table.key)
    if (key.nullable)
      Add(Severity::kWarning,
          fmt::format("key column {} may be NULL: a row with NULL there stays on its node",
                      key.name),
          "declare it NOT NULL");
  return Ok();
}

Status Linter::UniqueIndexes(const schema::Table& table) {
  for (const schema::UniqueIndex& index : table.unique_indexes) {
    std::vector<std::string> terms;
    for (const schema::IndexTerm& term : index.terms) terms.push_back(term.sql);
    Add(Severity::kWarning,
        fmt::format("UNIQUE index over {}{}{}: two nodes may take the same value at the same time, "
                    "and only one row can have it",
                    Join(terms), index.where_sql.empty() ? "" : " where ", index.where_sql),
        "the newer row is shown on every node, the older one is kept and comes back when the value "
        "is free");
  }
  return Ok();
}

void Linter::ForeignKeys(const ledger::Catalog& catalog, const schema::Table& table) {
  for (size_t i = 0; i < table.foreign_keys.size(); ++i) {
    const schema::ForeignKey& key = table.foreign_keys[i];
    const auto reference = std::find_if(
        catalog.references.begin(), catalog.references.end(), [&](const ledger::Reference& one) {
          return one.foreign_key == i && catalog.ById(one.child) == catalog.ByName(table.name);
        });
    if (reference == catalog.references.end()) {
      Add(Severity::kNote,
          fmt::format("foreign key to {} is not judged: there is no such replicated table, or its "
                      "columns are not those of a key",
                      key.parent),
          "rows without a parent are neither counted nor hidden by it");
      continue;
    }
    Add(Severity::kNote,
        fmt::format(
            "foreign key to {}: a parent deleted on one node while another adds a child leaves a "
            "child without a parent, the same on every node",
            key.parent),
        "harmonylite conflicts lists such rows; with [conflicts] foreign_keys = \"hide\" they are "
        "taken out of the table until the parent is there");
    const std::string columns = Join(key.columns);
    if (!reference->to_key)
      Add(Severity::kNote,
          fmt::format("foreign key to {} is not to its row key, or compares in another way: with "
                      "foreign_keys = \"hide\" each change of {} means a look through all of {}",
                      key.parent, key.parent, table.name),
          "let it refer to the primary key, with the same type and collation");
    else if (!reference->indexed)
      Add(Severity::kWarning,
          fmt::format("no index finds the rows of {} by {}: with foreign_keys = \"hide\" each "
                      "delete in {} means a look through all of {}, as it does for SQLite's own "
                      "foreign keys",
                      table.name, columns, key.parent, table.name),
          fmt::format("CREATE INDEX … ON {}({})", table.name, columns));
  }
}

Status Linter::Triggers(const ledger::Catalog& catalog, const schema::Table& table) {
  auto triggers = apply::ClassifyTriggers(db_, catalog, table);
  if (!triggers.ok()) {
    if (triggers.error().code() != ErrorCode::kInvalidArgument) return std::move(triggers).error();
    Add(Severity::kWarning,
        fmt::format(
            "its triggers cannot be compiled here ({}): what they write to tables that are not "
            "replicated is missing for rows of other nodes",
            triggers.error().message()));
    return Ok();
  }
  for (const apply::ClassifiedTrigger& trigger : *triggers) {
    if (const auto why = apply::WhyOff(trigger))
      Add(Severity::kWarning,
          fmt::format("trigger {} {}: it does not run for rows of other nodes", trigger.name,
                      why->what),
          why->advice);
    else if (trigger.effect == apply::TriggerEffect::kLocal)
      Add(Severity::kFine,
          fmt::format("trigger {} writes only to what is not replicated: it runs for "
                      "rows of other nodes too",
                      trigger.name));
    else
      Add(Severity::kFine,
          fmt::format(
              "trigger {} does not run for rows of other nodes: what it writes arrives from them",
              trigger.name));
  }
  return Ok();
}

Status Linter::Defaults(const schema::Table& table) {
  HL_ASSIGN(Statement list, db_->Prepare("SELECT name, dflt_value FROM pragma_table_info(?1) WHERE "
                                         "dflt_value IS NOT NULL"));
  list.Bind(1, table.name);
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) return Ok();
    const std::string value = sqlite::FoldCase(list.Text(1));
    if (value.find("current_") == std::string::npos && value.find("random") == std::string::npos)
      continue;
    Add(Severity::kFine,
        fmt::format("DEFAULT {} of {}: values travel, not commands, so that all nodes "
                    "have the same one",
                    list.Text(1), list.Text(0)));
  }
}

Status Linter::Cost(const schema::Table& table) {
  HL_ASSIGN(const int64_t rows,
            db_->QueryInt(fmt::format("SELECT count(*) FROM {}", Quote(table.name))));
  const double megabytes = static_cast<double>(rows * kHiddenBytesPerRow) / 1e6;
  Add(Severity::kNote,
      fmt::format(
          "{} rows: {} of versions once all were written; a write costs about 1.6 times what "
          "it did",
          rows,
          megabytes < 1 ? "less than a megabyte" : fmt::format("up to {:.0f} MB", megabytes)));
  return Ok();
}

}  // namespace

Result<std::vector<Finding>> Lint(Connection* db, const schema::LoadOptions& options) {
  // The connection that applies changes ignores CHECK constraints, too.
  HL_TRY(db->Exec("PRAGMA ignore_check_constraints = ON"));
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kRead));
  HL_ASSIGN(const schema::Schema schema, schema::Load(db, options));
  std::vector<Finding> out;
  Linter linter(db, &out);
  HL_TRY(linter.Database());
  HL_TRY(linter.Tables(schema));
  return out;
}

}  // namespace harmonylite::cli
