#include <charconv>
#include <memory>

#include "cli/commands.h"
#include "cli/database.h"
#include "cli/print.h"
#include "ledger/hidden_tables.h"
#include "node/recovery/joiner.h"
#include "sqlite/connection.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;
using node::SeedFrom;

struct Request {
  std::string seed_from;
  SeedFrom from = SeedFrom::kUndecided;
  uint64_t node = 0;
};

Status Check(Request* request) {
  const std::string& value = request->seed_from;
  const char* const end = value.data() + value.size();
  if (value == "self") request->from = SeedFrom::kSelf;
  if (value == "cluster") request->from = SeedFrom::kCluster;
  const auto [stop, error] = std::from_chars(value.data(), end, request->node);
  if (!value.empty() && error == std::errc() && stop == end) request->from = SeedFrom::kNode;
  if (request->from != SeedFrom::kUndecided) return Ok();
  return MakeError(ErrorCode::kInvalidArgument,
                   "whose rows count? --seed-from is cluster, self or the number of a node");
}

Status Decide(const config::Config& config, const Request& request) {
  HL_ASSIGN(sqlite::Connection db, OpenAttached(config.db_path));
  const BesideApplication beside(&db);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
  HL_ASSIGN(const ledger::State state, ledger::LoadState(&db));
  if (state.joined)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is part of the cluster already: there is nothing to settle",
                     config.db_path);
  if (state.catching_up)
    return MakeError(
        ErrorCode::kInvalidArgument,
        "{} was compared already, and waits for what the cluster has: there is nothing "
        "to settle",
        config.db_path);
  HL_ASSIGN(sqlite::Statement put,
            db.Prepare("INSERT OR REPLACE INTO __harmonylite__state(key, value) VALUES"
                       "('seed_from', ?1), ('seed_node', ?2)"));
  put.Bind(1, static_cast<int64_t>(request.from));
  put.BindUInt(2, request.node);
  HL_TRY(put.Run());
  return transaction.Commit();
}

ExitCode Perform(const config::Config& config, const Request& request) {
  if (Status decided = Decide(config, request); !decided.ok())
    return Complain(decided.error().message(), ExitCode::kFailure);
  Print(
      "recorded; the running node will compare its rows and join as soon as NATS and a node of the "
      "cluster can be reached\n");
  return ExitCode::kOk;
}

}  // namespace

Command JoinCommand() {
  const auto request = std::make_shared<Request>();
  return {
      .name = "join",
      .summary = "say whose rows count when a file's old rows differ from the cluster's",
      .forms = {"join -config FILE --seed-from cluster", "join -config FILE --seed-from NODE",
                "join -config FILE --seed-from self"},
      .arguments = {ConfigFlag("the configuration of the node that joins"),
                    {"--seed-from", "WHOSE",
                     "cluster, self, or the number of the node whose rows count",
                     &request->seed_from}},
      .exit_codes = "0 recorded, 1 failed, 2 a mistake in the command line or the configuration",
      .check = [request](const config::Config*) { return Check(request.get()); },
      .run = [request](const config::CommandLine&,
                       const config::Config* config) { return Perform(*config, *request); }};
}

}  // namespace harmonylite::cli
