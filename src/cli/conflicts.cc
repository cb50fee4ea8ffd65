#include <memory>
#include <optional>

#include "capture/catalog_sync.h"
#include "cli/commands.h"
#include "cli/conflict_report.h"
#include "cli/database.h"
#include "cli/print.h"
#include "cli/restore_conflict.h"
#include "cli/restore_new_ids.h"
#include "cli/wiring.h"
#include "ledger/catalog.h"
#include "ledger/conflict_log.h"
#include "ledger/lost_children.h"
#include "ledger/registry.h"
#include "sqlite/connection.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;
using ledger::ListedConflict;

struct Request {
  std::string database;
  std::optional<schema::LoadOptions> tables;  // without a configuration: as they are registered
  bool json = false;
  bool clear = false;
  std::string show;
  std::string restore;
  bool restore_all = false;
  bool new_ids = false;
  std::vector<std::string> set_texts;  // COLUMN=VALUE
  std::vector<Assignment> sets;
};

Error Wrong(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); }

Status Check(Request* out, const config::Config* config) {
  for (const std::string& text : out->set_texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return Wrong("--set is written as COLUMN=VALUE, not " + text);
    out->sets.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  if (out->clear + !out->show.empty() + !out->restore.empty() + out->restore_all > 1)
    return Wrong("only one of --show, --restore, --restore-all and --clear can be given");
  if (out->restore_all != out->new_ids && out->restore.empty())
    return Wrong("--restore-all and --new-ids belong together");
  if (out->new_ids && !out->sets.empty()) return Wrong("--set cannot be given with --new-ids");
  if (!out->sets.empty() && out->restore.empty()) return Wrong("--set belongs to --restore");
  if (config != nullptr) out->tables = MakeLoadOptions(*config);
  return ChooseDatabase(config, &out->database);
}

Result<const ListedConflict*> ById(const std::vector<ListedConflict>& list, const std::string& id,
                                   const ledger::Catalog& catalog) {
  for (const ListedConflict& one : list)
    if (one.id == id) return &one;
  return MakeError(
      ErrorCode::kNotFound, "no conflict has the id {}{}", id,
      catalog.complete
          ? ""
          : ", but a table is not replicated now, and its shadowed rows are not listed: if it "
            "was changed while no node ran, start the node once");
}

Status Clear(sqlite::Connection* db) {
  const BesideApplication beside(db);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kWrite));
  HL_ASSIGN(const int64_t removed, ledger::ClearConflicts(db));
  HL_TRY(transaction.Commit());
  Print("removed {} from the list\n", removed);
  return Ok();
}

Status PrintLostChildren(sqlite::Connection* db, const ledger::Catalog& catalog,
                         const ListedConflict& one) {
  if (!LostItsId(catalog, one) || !one.loser.origin) return Ok();
  if (one.winner.origin && one.winner.origin->node == one.loser.origin->node) return Ok();
  HL_ASSIGN(const auto children, ledger::FindLostChildren(db, catalog, *catalog.ByName(one.table),
                                                          one.key.values.at(0).view().integer,
                                                          one.loser.origin->node, one.at_ms));
  if (!children.empty())
    Print("  rows that were written for the loser, and refer to the winner now: {}\n",
          children.size());
  return Ok();
}

// Writes back under new ids the rows that lost theirs: one of them, or all if `one` is null.
Status RestoreAnew(sqlite::Connection* db, const ledger::Catalog& catalog,
                   const std::vector<ListedConflict>& list, const ListedConflict* one) {
  if (one != nullptr && !LostItsId(catalog, *one))
    return MakeError(ErrorCode::kInvalidArgument,
                     "conflict {} ({}) is none of a row that lost an id which SQLite gave out: "
                     "--restore without --new-ids writes it back",
                     one->id, one->kind);
  std::vector<const ListedConflict*> chosen;
  if (one != nullptr) chosen.push_back(one);
  for (const ListedConflict& each : list)
    if (one == nullptr && LostItsId(catalog, each) && each.kind == ledger::conflict_kind::kSameId)
      chosen.push_back(&each);
  HL_ASSIGN(const RestoredAnew done, RestoreWithNewIds(db, catalog, list, chosen));
  for (const std::string& problem : done.problems) Print("not written back: {}\n", problem);
  Print("written back under new ids: {}; rows that refer to them and follow: {}\n", done.rows,
        done.children);
  if (done.problems.empty()) return Ok();
  return MakeError(ErrorCode::kConflict, "not written back: {} of {}", done.problems.size(),
                   chosen.size());
}

Status Perform(const Request& request) {
  HL_ASSIGN(sqlite::Connection db, OpenAttached(request.database));
  if (request.clear) return Clear(&db);
  std::vector<ListedConflict> list;
  ledger::Catalog catalog;
  {
    HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kRead));
    schema::LoadOptions tables;
    if (request.tables) {
      tables = *request.tables;
    } else {
      HL_ASSIGN(tables, ledger::OptionsAsRegistered(&db));
    }
    HL_ASSIGN(catalog, capture::LoadCatalog(&db, tables));
    HL_ASSIGN(list, ledger::ListConflicts(&db, catalog));
  }
  if (request.restore_all) return RestoreAnew(&db, catalog, list, nullptr);
  if (!request.restore.empty()) {
    HL_ASSIGN(const ListedConflict* one, ById(list, request.restore, catalog));
    if (request.new_ids) return RestoreAnew(&db, catalog, list, one);
    return Restore(&db, catalog, *one, request.sets);
  }
  if (!request.show.empty()) {
    HL_ASSIGN(const ListedConflict* one, ById(list, request.show, catalog));
    if (request.json)
      fmt::print("{}\n", JsonOf(*one));
    else
      PrintConflict(*one);
    return request.json ? Ok() : PrintLostChildren(&db, catalog, *one);
  }
  if (request.json)
    fmt::print("{}\n", JsonOf(list));
  else
    PrintConflicts(list);
  return Ok();
}

ExitCode Run(const Request& request) {
  if (Status done = Perform(request); !done.ok())
    return Complain(done.error().message(), ExitCode::kFailure);
  return ExitCode::kOk;
}

}  // namespace

Command ConflictsCommand() {
  const auto request = std::make_shared<Request>();
  return {
      .name = "conflicts",
      .summary = "list writes that lost to another node's write, show one, write one back",
      .forms = {"conflicts [DB | -config FILE] [--json]",
                "conflicts [DB | -config FILE] --show ID [--json]",
                "conflicts [DB | -config FILE] --restore ID [--set COLUMN=VALUE]...",
                "conflicts [DB | -config FILE] --restore ID --new-ids",
                "conflicts [DB | -config FILE] --restore-all --new-ids",
                "conflicts [DB | -config FILE] --clear"},
      .arguments =
          {{"DB", "", "the database file; without it, db_path of the configuration",
            &request->database},
           ConfigFlag("the configuration, for what it says about tables"),
           {"--json", "", "print JSON", &request->json},
           {"--show", "ID", "show both sides of one conflict, column by column", &request->show},
           {"--restore", "ID", "write the losing side back, as a new write of this node",
            &request->restore},
           {"--set", "COLUMN=VALUE", "with --restore: another value; may be given more than once",
            &request->set_texts},
           {"--restore-all", "", "with --new-ids: every row that lost its id",
            &request->restore_all},
           {"--new-ids", "", "under new ids, with the rows that refer to them", &request->new_ids},
           {"--clear", "", "empty this node's list", &request->clear}},
      .exit_codes = "0 done, 1 failed, 2 a mistake in the command line or the configuration",
      .needs_config = false,
      .check = [request](const config::Config* config) { return Check(request.get(), config); },
      .run = [request](const config::CommandLine&,
                       const config::Config*) { return Run(*request); }};
}

}  // namespace harmonylite::cli
