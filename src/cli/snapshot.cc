#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/new_file.h"
#include "cli/commands.h"
#include "cli/lock_file.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "cli/published_barrier.h"
#include "cli/snapshot_report.h"
#include "cli/stores.h"
#include "cli/wiring.h"
#include "config/nearest.h"
#include "node/node.h"
#include "snapshot/catalog.h"
#include "snapshot/restore.h"

namespace harmonylite::cli {

namespace fs = std::filesystem;

namespace {

using config::ExitCode;
using snapshot::Listed;

constexpr std::chrono::milliseconds kBetweenLooks{100};
constexpr int64_t kRetryWithinMs = 10'000;

struct Request {
  std::string action;
  std::string name;  // if empty, the newest snapshot
  std::string to;
  bool json = false;
};

Error Wrong(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); }

Status Check(const Request& request) {
  const std::vector<std::string> actions = {"save", "list", "verify", "restore"};
  const std::string& action = request.action;
  if (action.empty()) return Wrong("what is to be done: save, list, verify or restore?");
  if (std::find(actions.begin(), actions.end(), action) == actions.end()) {
    const std::string near = config::Nearest(action, actions);
    return Wrong("unknown action " + action + (near.empty() ? "" : "; did you mean " + near + "?"));
  }
  if (request.json && action != "list") return Wrong("--json belongs to list");
  if (!request.to.empty() && action != "restore") return Wrong("--to belongs to restore");
  if (!request.name.empty() && (action == "save" || action == "list"))
    return Wrong("unknown argument " + request.name);
  return Ok();
}

// The store, and everything that is needed to reach it. Members are destroyed in reverse order.
struct Session {
  std::optional<LockFile> lock;  // empty if a node runs on the database
  std::unique_ptr<nats_server::ServerProcess> server;
  std::shared_ptr<nats::Connection> connection;
  std::unique_ptr<ports::ObjectStore> store;
};

Status ConnectToNats(const config::CommandLine& command, const config::Config& config,
                     Logger* logger, Session* out) {
  if (out->connection != nullptr) return Ok();
  const NodeId self(config.node_id.value_or(0));
  nats::ConnectionOptions options = MakeConnectionOptions(config, self);
  if (config.nats.embedded()) {
    if (out->lock) {
      HL_ASSIGN(out->server, nats_server::ServerProcess::Start(
                                 MakeServerOptions(command, config, self), logger));
      options.urls = {out->server->client_url()};
    } else {
      HL_ASSIGN(options.urls, ServerUrls(config));
    }
  }
  HL_ASSIGN(out->connection, nats::Connection::Open(std::move(options)));
  return Ok();
}

Status OpenSession(const config::CommandLine& command, const config::Config& config, Logger* logger,
                   Session* out) {
  HL_TRY(CheckDatabasePath(config.db_path));
  auto lock = LockFile::Take(config.db_path);
  if (lock.ok())
    out->lock.emplace(std::move(*lock));
  else if (lock.error().code() != ErrorCode::kConflict)
    return std::move(lock).error();
  if (config.snapshot.store == config::SnapshotStore::kNats)
    HL_TRY(ConnectToNats(command, config, logger, out));
  HL_ASSIGN(out->store, OpenStore(config.snapshot, out->connection));
  return Ok();
}

// Runs `work` on a thread of its own, and shows its progress.
template <typename Work>
auto Watched(snapshot::Activity* activity, Logger* logger, Work work) -> decltype(work()) {
  const SystemClock clock;
  Progress progress(activity, &clock, logger);
  auto result = std::async(std::launch::async, std::move(work));
  for (int look = 0;
       result.wait_for(kBetweenLooks / (look < 10 ? 10 : 1)) != std::future_status::ready; ++look)
    progress.Show();
  return result.get();
}

// Opens a node on the database while no other runs there, so that hidden tables and triggers are as
// a running node would have them.
Result<std::unique_ptr<node::Node>> Attach(const config::Config& config, const Clock* clock,
                                           Logger* logger) {
  std::error_code error;
  if (!fs::exists(config.db_path, error))
    return MakeError(ErrorCode::kNotFound, "{} does not exist", config.db_path);
  std::optional<NodeId> self;
  if (config.node_id) self = NodeId(*config.node_id);
  return node::Node::Open(MakeNodeOptions(config), self, clock, logger);
}

Status Save(const config::CommandLine& command, const config::Config& config, Logger* logger,
            Session* session) {
  const SystemClock clock;
  std::unique_ptr<node::Node> node;
  if (session->lock) {
    HL_ASSIGN(node, Attach(config, &clock, logger));
  }
  const auto connect = [&]() -> Result<std::shared_ptr<nats::Connection>> {
    HL_TRY(ConnectToNats(command, config, logger, session));
    return session->connection;
  };
  PublishedBarrier log(&config, connect, std::move(node), &clock, logger);
  const int64_t began = clock.MonotonicMs();
  snapshot::Activity activity;
  snapshot::Catalog catalog(session->store.get());
  const auto once = [&]() -> Result<std::string> {
    while (true) {
      HL_ASSIGN(snapshot::Made made, snapshot::Make(MakeSnapshotOptions(config), clock, &activity));
      activity.Begin(snapshot::Phase::kWaiting, 0);
      Status held = log.Await(made.manifest);
      if (held.ok()) return catalog.Save(&made, config.snapshot.keep, &activity);
      // kRetryLater means that the database was found to be a copy; the next snapshot has the new
      // incarnation.
      if (held.error().code() != ErrorCode::kRetryLater ||
          clock.MonotonicMs() - began > kRetryWithinMs)
        return std::move(held).error();
    }
  };
  auto saved = Watched(&activity, logger, once);
  // A table that was just made has no triggers until the running node has added them, so saving is
  // tried again for a while.
  while (!saved.ok() && saved.error().code() == ErrorCode::kRetryLater && !session->lock &&
         clock.MonotonicMs() - began < kRetryWithinMs) {
    std::this_thread::sleep_for(kBetweenLooks);
    saved = Watched(&activity, logger, once);
  }
  if (!saved.ok()) return std::move(saved).error();
  logger->Info("snapshot {} is stored in {}", *saved, DescribeStore(config.snapshot));
  return Ok();
}

Result<Listed> Find(snapshot::Catalog* catalog, const Request& request,
                    const config::Config& config) {
  HL_ASSIGN(const std::vector<Listed> all, catalog->List());
  for (const Listed& one : all) {
    if (request.name.empty() ? !one.problem.empty() : one.name != request.name) continue;
    if (one.manifest) return one;
    return MakeError(ErrorCode::kCorruption, "snapshot {} cannot be used: {}", one.name,
                     one.problem);
  }
  return MakeError(ErrorCode::kNotFound, "there is no {} in {}",
                   request.name.empty() ? "snapshot" : "snapshot " + request.name,
                   DescribeStore(config.snapshot));
}

Status Verify(const Request& request, const config::Config& config, Logger* logger,
              Session* session) {
  snapshot::Catalog catalog(session->store.get());
  HL_ASSIGN(const Listed listed, Find(&catalog, request, config));
  snapshot::Activity activity;
  auto opened = Watched(&activity, logger, [&] {
    return catalog.Open(listed, MakeSnapshotOptions(config), &activity);
  });
  if (!opened.ok()) return std::move(opened).error().Wrap("snapshot " + listed.name);
  Print("snapshot {} is good: checksums, integrity_check and hidden tables are as they must be\n",
        listed.name);
  return Ok();
}

Status RestoreTo(const Request& request, const config::Config& config, Logger* logger,
                 Session* session) {
  snapshot::Options options = MakeSnapshotOptions(config);
  std::optional<LockFile> lock;
  if (!request.to.empty()) {
    options.db_path = request.to;
    options.spool_directory = fs::absolute(request.to).parent_path().string();
    HL_TRY(CheckDatabasePath(request.to));
  } else if (!session->lock) {
    return MakeError(ErrorCode::kConflict,
                     "a node runs on {}: stop it, or restore to another file (--to)",
                     config.db_path);
  }
  HL_ASSIGN(const bool empty, snapshot::CanBecomeReplica(options.db_path));
  if (!empty)
    return MakeError(ErrorCode::kConflict,
                     "{} is not empty, and a snapshot never replaces rows: name a file that does "
                     "not exist (--to), or move this one away",
                     options.db_path);
  snapshot::Catalog catalog(session->store.get());
  HL_ASSIGN(const Listed listed, Find(&catalog, request, config));
  snapshot::Activity activity;
  HL_TRY(Watched(&activity, logger, [&]() -> Status {
    HL_ASSIGN(snapshot::PrivateDatabase opened, catalog.Open(listed, options, &activity));
    const bool new_file = !request.to.empty() && !fs::exists(request.to);
    if (Status made = new_file ? MakeFileLike(request.to, config.db_path) : Ok(); !made.ok())
      return made;
    return snapshot::Restore(&opened, options.db_path, options.vfs, &activity);
  }));
  logger->Info("restored snapshot {} into {}", listed.name, options.db_path);
  return Ok();
}

Status Perform(const Request& request, const config::CommandLine& command,
               const config::Config& config, Logger* logger) {
  Session session;
  HL_TRY(OpenSession(command, config, logger, &session));
  if (request.action == "save") return Save(command, config, logger, &session);
  if (request.action == "verify") return Verify(request, config, logger, &session);
  if (request.action == "restore") return RestoreTo(request, config, logger, &session);
  snapshot::Catalog catalog(session.store.get());
  HL_ASSIGN(const std::vector<Listed> all, catalog.List());
  if (request.json)
    fmt::print("{}\n", JsonOf(all));
  else
    PrintSnapshots(all);
  return Ok();
}

ExitCode Run(const Request& request, const config::CommandLine& line,
             const config::Config& config) {
  Logger logger(STDERR_FILENO, config.logging.format,
                config.logging.verbose ? LogLevel::kDebug : LogLevel::kInfo);
  if (Status done = Perform(request, line, config, &logger); !done.ok())
    return Complain(done.error().message(), ExitCode::kFailure);
  return ExitCode::kOk;
}

}  // namespace

Command SnapshotCommand() {
  const auto request = std::make_shared<Request>();
  return {.name = "snapshot",
          .summary = "save, list, verify or restore snapshots of the database",
          .forms = {"snapshot save -config FILE", "snapshot list -config FILE [--json]",
                    "snapshot verify [NAME] -config FILE",
                    "snapshot restore [NAME] [--to DB] -config FILE"},
          .arguments = {{"ACTION", "", "save, list, verify or restore", &request->action},
                        {"NAME", "", "a snapshot, as list shows it; without it, the newest one",
                         &request->name},
                        ConfigFlag("the configuration: it says where the snapshots are"),
                        {"--json", "", "with list: print JSON", &request->json},
                        {"--to", "DB", "with restore: write to this file and not to db_path",
                         &request->to}},
          .exit_codes = "0 done, 1 failed, 2 a mistake in the command line or the configuration",
          .check = [request](const config::Config*) { return Check(*request); },
          .run = [request](const config::CommandLine& line,
                           const config::Config* config) { return Run(*request, line, *config); }};
}

ExitCode SaveSnapshot(const config::CommandLine& command, const config::Config& config,
                      Logger* logger) {
  Request request;
  request.action = "save";
  if (Status done = Perform(request, command, config, logger); !done.ok()) {
    logger->Error("no snapshot was stored: {}", done.error().message());
    return ExitCode::kFailure;
  }
  return ExitCode::kOk;
}

}  // namespace harmonylite::cli
