#include <memory>

#include "capture/catalog_sync.h"
#include "cli/commands.h"
#include "cli/database.h"
#include "cli/print.h"
#include "cli/restore_set_aside.h"
#include "cli/schema_report.h"
#include "cli/wiring.h"
#include "config/nearest.h"
#include "ledger/hidden_tables.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;

// More than that would hide what matters.
constexpr size_t kMostProblems = 20;

struct Request {
  std::string action;
  std::string table;
  bool overwrite = false;
  bool all = false;
  bool nodes = false;
  bool json = false;
};

Error Wrong(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); }

Status Check(const Request& request) {
  const bool restore = request.action == "restore";
  if (!restore && !request.action.empty()) {
    const std::string near = config::Nearest(request.action, {"restore"});
    return Wrong("unknown action " + request.action +
                 (near.empty() ? "" : "; did you mean " + near + "?"));
  }
  if (restore && request.table.empty()) return Wrong("the rows of which table? name it");
  if (request.overwrite && !restore) return Wrong("--overwrite belongs to restore");
  if (restore && (request.all || request.nodes || request.json))
    return Wrong("--all, --nodes and --json do not belong to restore");
  return Ok();
}

Status RestoreTable(const config::Config& config, const Request& request) {
  HL_ASSIGN(sqlite::Connection db, OpenAttached(config.db_path));
  HL_ASSIGN(const RestoredRows done,
            RestoreSetAside(&db, MakeLoadOptions(config), request.table, request.overwrite));
  for (size_t i = 0; i < done.problems.size() && i < kMostProblems; ++i)
    Print("not written back: {}\n", done.problems[i]);
  Print("written back to {}: {}; there already: {}\n", done.table, done.written, done.there);
  if (done.problems.empty()) return Ok();
  return MakeError(ErrorCode::kConflict, "not written back: {} rows of table {}",
                   done.problems.size(), done.table);
}

struct Listed {
  SchemaLook look;
  NodeId self;
  Fingerprints ours;  // only if the other nodes' are asked for
};

Result<Listed> Look(const config::Config& config, bool fingerprints) {
  Listed out;
  HL_ASSIGN(sqlite::Connection db, OpenAttached(config.db_path));
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kRead));
  const schema::LoadOptions options = MakeLoadOptions(config);
  HL_ASSIGN(out.look, LookAtSchema(&db, options, MakeNodeOptions(config).schema));
  HL_ASSIGN(const ledger::State state, ledger::LoadState(&db));
  out.self = state.self.node;
  if (!fingerprints) return out;
  HL_ASSIGN(const ledger::Catalog catalog, capture::LoadCatalog(&db, options));
  HL_ASSIGN(const ledger::Definitions definitions, ledger::LoadDefinitions(&db, catalog));
  out.ours = FingerprintsOf(catalog, definitions);
  return out;
}

Status List(const config::Config& config, const Request& request) {
  HL_ASSIGN(const Listed listed, Look(config, request.nodes));
  if (!request.json) PrintSchema(listed.look, request.all);
  std::vector<NodeTables> nodes;
  if (request.nodes) {
    HL_ASSIGN(const std::vector<std::string> urls, ServerUrls(config));
    HL_ASSIGN(nodes, AskNodes(config, urls, listed.ours));
    std::erase_if(nodes, [&](const NodeTables& one) { return one.node == listed.self; });
  }
  if (request.json)
    fmt::print("{}\n", JsonOf(listed.look, request.nodes ? &nodes : nullptr));
  else if (request.nodes)
    PrintNodes(nodes);
  return Ok();
}

ExitCode Run(const config::Config& config, const Request& request) {
  const Status done =
      request.action == "restore" ? RestoreTable(config, request) : List(config, request);
  return done.ok() ? ExitCode::kOk : Complain(done.error().message(), ExitCode::kFailure);
}

}  // namespace

Command SchemaCommand() {
  const auto request = std::make_shared<Request>();
  return {
      .name = "schema",
      .summary = "who changed what in the schema, what differs here, what was set aside",
      .forms = {"schema -config FILE [--all] [--nodes] [--json]",
                "schema restore TABLE [--overwrite] -config FILE"},
      .arguments = {{"ACTION", "", "restore; without it, the objects are listed", &request->action},
                    {"TABLE", "", "write back the rows of this table that were set aside",
                     &request->table},
                    ConfigFlag("the configuration of the node"),
                    {"--all", "", "list objects that were dropped, too", &request->all},
                    {"--nodes", "", "ask the registry which other nodes have the same tables",
                     &request->nodes},
                    {"--json", "", "print JSON", &request->json},
                    {"--overwrite", "", "with restore: over rows that are in the table now, too",
                     &request->overwrite}},
      .exit_codes = "0 done, 1 failed, 2 a mistake in the command line or the configuration",
      .check = [request](const config::Config*) { return Check(*request); },
      .run = [request](const config::CommandLine&,
                       const config::Config* config) { return Run(*config, *request); }};
}

}  // namespace harmonylite::cli
