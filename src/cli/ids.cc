#include <algorithm>
#include <memory>

#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/json.h"
#include "cli/print.h"
#include "cli/wiring.h"
#include "ledger/hidden_tables.h"
#include "ledger/id_share.h"
#include "schema/autoincrement.h"
#include "sqlite/identifier.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;

struct Request {
  std::string table;
  bool all = false;
  bool json = false;
};

// Who gives out the keys of a table.
enum class Ids {
  kShared,       // SQLite, and each node gives out ids of its own
  kColliding,    // SQLite, from the greatest id on, the same on every node
  kRowid,        // the same, and the table has no key that could be changed
  kApplication,  // the application
};

struct TableIds {
  std::string table;
  std::string key;
  Ids ids = Ids::kApplication;
  std::optional<int64_t> next;  // the next id that SQLite gives out
};

struct Report {
  bool shares = true;  // whether the configuration lets this node give out ids of its own
  std::optional<ledger::IdShare> share;
  std::vector<TableIds> tables;
};

const char* Word(Ids ids) {
  switch (ids) {
    case Ids::kShared:
      return "shared";
    case Ids::kColliding:
      return "colliding";
    case Ids::kRowid:
      return "rowid";
    case Ids::kApplication:
      return "application";
  }
  return "";
}

Ids IdsOf(const schema::Table& table) {
  if (table.rowid_key) return Ids::kRowid;
  if (table.autoincrement) return Ids::kShared;
  return table.SqliteGivesKey() ? Ids::kColliding : Ids::kApplication;
}

std::string KeyOf(const schema::Table& table) {
  std::string out;
  for (const schema::KeyColumn& column : table.key) out += (out.empty() ? "" : ", ") + column.name;
  return out;
}

Result<sqlite::Connection> Open(const std::string& path) {
  HL_TRY(CheckDatabasePath(path));
  return OpenPatiently(path);
}

// After the greatest integer there is no next one.
std::optional<int64_t> After(int64_t newest) {
  return newest == INT64_MAX ? std::nullopt : std::optional(newest + 1);
}

Result<std::optional<int64_t>> NextId(sqlite::Connection* db, const schema::Table& table) {
  const Ids ids = IdsOf(table);
  if (ids == Ids::kApplication) return std::optional<int64_t>();
  ledger::TrackedTable tracked;
  tracked.table = table;
  if (ids == Ids::kShared) {
    ledger::Catalog catalog;
    catalog.tables.push_back(std::move(tracked));
    HL_ASSIGN(const auto counters, ledger::ReadIdCounters(db, catalog));
    return After(counters.at(0).newest);
  }
  HL_ASSIGN(const int64_t newest, db->QueryInt(fmt::format("SELECT coalesce(max({}), 0) FROM {}",
                                                           sqlite::Quote(table.key.at(0).name),
                                                           sqlite::Quote(table.name))));
  return After(newest);
}

Result<Report> Look(const config::Config& config) {
  HL_ASSIGN(sqlite::Connection db, Open(config.db_path));
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kRead));
  HL_ASSIGN(const schema::Schema schema, schema::Load(&db, MakeLoadOptions(config)));
  Report out;
  out.shares = config.ids.share && config.publish;
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(&db));
  if (installed == ledger::Installed::kYes) {
    HL_ASSIGN(const ledger::State state, ledger::LoadState(&db));
    out.share = state.ids;
  }
  for (const schema::Table& table : schema.tables) {
    HL_ASSIGN(const std::optional<int64_t> next, NextId(&db, table));
    out.tables.push_back({table.name, KeyOf(table), IdsOf(table), next});
  }
  return out;
}

void PrintText(const Report& report) {
  if (!report.shares)
    Print("this node gives out ids as plain SQLite does: [ids] share or publish is false\n");
  else if (report.share)
    Print("this node gives out the ids of slot {} of {}, in blocks of {}{}\n", report.share->slot,
          report.share->layout.slots, report.share->layout.block,
          report.share->claimed ? "" : " (drawn; the registry has not said yet that it is free)");
  else
    Print("this node has no slot of ids: it claims one when it runs and reaches the registry\n");
  std::vector<std::vector<std::string>> rows = {{"TABLE", "KEY", "IDS", "NEXT"}};
  for (const TableIds& one : report.tables)
    rows.push_back({one.table, one.key, Word(one.ids), one.next ? std::to_string(*one.next) : "-"});
  PrintColumns(std::move(rows));
  const bool collide = std::any_of(report.tables.begin(), report.tables.end(),
                                   [](const TableIds& t) { return t.ids == Ids::kColliding; });
  if (collide)
    Print(
        "\ncolliding: two nodes that insert at the same time give out the same id, unless the "
        "application gives the ids.\n'harmonylite ids -config FILE TABLE' (or --all) on every node "
        "ends that and changes no row.\n");
}

Json ToJson(const Report& report) {
  Json tables = Json::array();
  for (const TableIds& one : report.tables)
    tables.push_back({{"table", one.table},
                      {"key", one.key},
                      {"ids", Word(one.ids)},
                      {"next", one.next ? Json(*one.next) : Json(nullptr)}});
  Json share = nullptr;
  if (report.share)
    share = {{"slot", report.share->slot},
             {"slots", report.share->layout.slots},
             {"block", report.share->layout.block},
             {"claimed", report.share->claimed}};
  return {{"share", share}, {"tables", tables}};
}

// Makes the keys of one table, or of all that collide, AUTOINCREMENT, in one transaction. A node
// that runs on the file sees a change of the schema, and moves the counters to its own ids.
Result<std::vector<std::string>> Change(const config::Config& config, const Request& request) {
  HL_ASSIGN(sqlite::Connection db, Open(config.db_path));
  const BesideApplication beside(&db);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
  HL_ASSIGN(const schema::Schema schema, schema::Load(&db, MakeLoadOptions(config)));
  std::vector<std::string> changed;
  bool found = false;
  for (const schema::Table& table : schema.tables) {
    const bool named = sqlite::SameName(table.name, request.table);
    found = found || named;
    if (!named && !(request.all && IdsOf(table) == Ids::kColliding)) continue;
    if (table.autoincrement) continue;
    HL_TRY(db.Exec("SAVEPOINT one"));
    Status made = schema::MakeAutoincrement(&db, table);
    if (!made.ok() && named) return std::move(made).error();
    if (!made.ok()) {
      HL_TRY(db.Exec("ROLLBACK TO one"));
      Print("table {} stays as it is: {}\n", table.name, made.error().message());
    } else {
      changed.push_back(table.name);
    }
    HL_TRY(db.Exec("RELEASE one"));
  }
  if (!found && !request.all)
    return MakeError(ErrorCode::kNotFound, "{} has no table {} that is replicated", config.db_path,
                     request.table);
  HL_TRY(transaction.Commit());
  return changed;
}

ExitCode Perform(const config::Config& config, const Request& request) {
  if (request.all || !request.table.empty()) {
    auto changed = Change(config, request);
    if (!changed.ok()) return Complain(changed.error().message(), ExitCode::kFailure);
    for (const std::string& table : *changed)
      Print("the key of table {} is AUTOINCREMENT now; do the same on every node\n", table);
    if (changed->empty()) Print("nothing to do\n");
    return ExitCode::kOk;
  }
  auto report = Look(config);
  if (!report.ok()) return Complain(report.error().message(), ExitCode::kFailure);
  if (request.json)
    fmt::print("{}\n", JsonText(ToJson(*report)));
  else
    PrintText(*report);
  return ExitCode::kOk;
}

Status Check(const Request& request) {
  if (request.all && !request.table.empty())
    return MakeError(ErrorCode::kInvalidArgument, "give a table or --all, not both");
  return Ok();
}

}  // namespace

Command IdsCommand() {
  const auto request = std::make_shared<Request>();
  return {
      .name = "ids",
      .summary = "who gives out the ids of each table; end that ids collide",
      .forms = {"ids -config FILE [--json]", "ids -config FILE TABLE", "ids -config FILE --all"},
      .arguments = {{"TABLE", "", "make this table's key AUTOINCREMENT; no row changes",
                     &request->table},
                    ConfigFlag("the configuration of the node"),
                    {"--all", "", "the same for every table whose ids collide", &request->all},
                    {"--json", "", "print the list as JSON", &request->json}},
      .exit_codes = "0 done, 1 failed, 2 a mistake in the command line or the configuration",
      .check = [request](const config::Config*) { return Check(*request); },
      .run = [request](const config::CommandLine&,
                       const config::Config* config) { return Perform(*config, *request); }};
}

}  // namespace harmonylite::cli
