#include <charconv>

#include "cli/commands.h"
#include "cli/wiring.h"
#include "ledger/hidden_tables.h"
#include "node/recovery/joiner.h"
#include "sqlite/connection.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;
using node::SeedFrom;

constexpr int kBusyTimeoutMs = 30'000;
constexpr const char* kUsage =
    "usage: harmonylite join -config FILE --seed-from cluster|self|NODE\n";

struct Request {
  SeedFrom from = SeedFrom::kUndecided;
  uint64_t node = 0;
};

Result<Request> Parse(const std::vector<std::string>& words) {
  std::string value;
  if (words.size() == 2 && (words[0] == "--seed-from" || words[0] == "-seed-from"))
    value = words[1];
  for (const char* flag : {"--seed-from=", "-seed-from="})
    if (words.size() == 1 && words[0].starts_with(flag))
      value = words[0].substr(std::string(flag).size());
  Request out;
  if (value == "self") out.from = SeedFrom::kSelf;
  if (value == "cluster") out.from = SeedFrom::kCluster;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.node);
  if (!value.empty() && error == std::errc() && end == value.data() + value.size())
    out.from = SeedFrom::kNode;
  if (out.from == SeedFrom::kUndecided)
    return MakeError(ErrorCode::kInvalidArgument, "whose rows count?\n{}", kUsage);
  return out;
}

Status Decide(const config::Config& config, const Request& request) {
  HL_ASSIGN(sqlite::Connection db,
            sqlite::Connection::Open(config.db_path, sqlite::OpenMode::kReadWrite));
  db.SetBusyTimeout(kBusyTimeoutMs);
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(&db));
  if (installed != ledger::Installed::kYes)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is not attached yet: start harmonylite on it once", config.db_path);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
  HL_ASSIGN(const ledger::State state, ledger::LoadState(&db));
  if (state.joined)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is part of the cluster already: there is nothing to settle",
                     config.db_path);
  HL_ASSIGN(sqlite::Statement put,
            db.Prepare("INSERT OR REPLACE INTO __harmonylite__state(key, value) VALUES"
                       "('seed_from', ?1), ('seed_node', ?2)"));
  put.Bind(1, static_cast<int64_t>(request.from));
  put.BindUInt(2, request.node);
  HL_TRY(put.Run());
  return transaction.Commit();
}

}  // namespace

ExitCode Join(const config::CommandLine& command, const config::Config* config) {
  if (config == nullptr)
    return Complain(fmt::format("join needs the configuration of the node\n{}", kUsage),
                    ExitCode::kUsage);
  auto request = Parse(command.arguments);
  if (!request.ok()) return Complain(request.error().message(), ExitCode::kUsage);
  if (Status decided = Decide(*config, *request); !decided.ok())
    return Complain(decided.error().message(), ExitCode::kFailure);
  fmt::print(
      "recorded; the running node will compare its rows and join as soon as NATS and a node of the "
      "cluster can be reached\n");
  return ExitCode::kOk;
}

}  // namespace harmonylite::cli
