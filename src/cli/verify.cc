#include <chrono>
#include <memory>
#include <random>
#include <thread>

#include "cli/commands.h"
#include "cli/database.h"
#include "cli/print.h"
#include "cli/verify_report.h"
#include "cli/wiring.h"
#include "node/verify/digest.h"
#include "node/verify/verify_rows.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;
using node::Finding;
using node::RowClient;
using node::Verification;

constexpr ExitCode kEqual = ExitCode::kOk;
constexpr ExitCode kDifferent = ExitCode::kFailure;
constexpr ExitCode kCouldNot = ExitCode::kUsage;
constexpr std::chrono::milliseconds kPoll{50};

struct Request {
  bool repair = false;
  bool json = false;
};

// Compares this node's file with its own versions. Used when NATS is out of reach, and so no other
// node can be asked.
Result<Verification> VerifyAlone(const config::Config& config) {
  HL_ASSIGN(sqlite::Connection db, OpenAttached(config.db_path));
  HL_ASSIGN(node::Digest digest, node::Digest::Begin(&db, MakeNodeOptions(config), {}));
  HL_ASSIGN(const bool done, digest.Advance(INT64_MAX));
  HL_CHECK(done);
  Verification out;
  const node::VerifyAnswer& answer = digest.answer();
  const NodeId self = answer.origin.node;
  const auto& digests = answer.As<node::TableDigests>();
  for (const node::NamedRow& row : digests.damaged)
    out.findings.push_back({row.table,
                            node::FindingKind::kDamaged,
                            {{self, row.mark}},
                            row.mark.key_text,
                            row.mark.key});
  out.compared = {self};
  out.tables = digests.tables;
  return out;
}

ExitCode Finish(const Verification& result, const Request& request, const std::string& config_path,
                std::optional<int64_t> repaired) {
  if (request.json) {
    fmt::print("{}\n", JsonOf(result, repaired));
  } else {
    if (repaired) Print("repaired: {} rows\n", *repaired);
    PrintVerification(result, config_path);
  }
  if (result.different()) return kDifferent;
  return result.complete() ? kEqual : kCouldNot;
}

ExitCode Perform(const Request& request, const config::Config& config,
                 const std::string& config_path) {
  const SystemClock clock;
  auto connection = [&]() -> Result<std::shared_ptr<nats::Connection>> {
    nats::ConnectionOptions options = MakeConnectionOptions(config, NodeId(0));
    HL_ASSIGN(options.urls, ServerUrls(config));
    options.client_name = "harmonylite-verify";
    options.connect_retries = 1;
    return nats::Connection::Open(std::move(options));
  }();
  if (!connection.ok()) {
    auto alone = VerifyAlone(config);
    if (!alone.ok()) return Complain(alone.error().message(), kCouldNot);
    Complain(fmt::format("other nodes could not be asked ({}): only this file was looked at, "
                         "against its own versions",
                         connection.error().message()),
             kCouldNot);
    if (alone->different()) return Finish(*alone, request, config_path, std::nullopt);
    if (request.json) fmt::print("{}\n", JsonOf(*alone, std::nullopt));
    return kCouldNot;
  }
  nats::KvMetaStore store(*connection, MakeMetaOptions(config));
  RowClient client(&store, &clock, 'c', std::random_device{}(), [] {
    std::this_thread::sleep_for(kPoll);
    return true;
  });
  auto result = node::VerifyRows(&client);
  if (!result.ok()) return Complain(result.error().message(), kCouldNot);
  std::optional<int64_t> repaired;
  if (request.repair) {
    auto rows = node::RepairRows(&client, &*result);
    if (!rows.ok()) return Complain(rows.error().message(), kCouldNot);
    repaired = *rows;
  }
  return Finish(*result, request, config_path, repaired);
}

}  // namespace

Command VerifyCommand() {
  const auto request = std::make_shared<Request>();
  return {
      .name = "verify",
      .summary = "compare the rows of all running nodes; --repair ends what differs",
      .forms = {"verify -config FILE [--repair] [--json]"},
      .arguments = {ConfigFlag("the configuration of any node of the cluster"),
                    {"--repair", "", "repair what differs, and say what is left", &request->repair},
                    {"--json", "", "print JSON, with every row that differs", &request->json}},
      .exit_codes = "0 equal, 1 different, 2 not compared, or a mistake in the command line",
      .run = [request](const config::CommandLine& line, const config::Config* config) {
        return Perform(*request, *config, line.config_path);
      }};
}

}  // namespace harmonylite::cli
