#include <fmt/chrono.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include "adapters/nats_server/running_server.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/lock_file.h"
#include "cli/progress.h"
#include "cli/published_barrier.h"
#include "cli/stores.h"
#include "cli/wiring.h"
#include "node/node.h"
#include "snapshot/catalog.h"
#include "snapshot/restore.h"

namespace harmonylite::cli {

namespace fs = std::filesystem;

namespace {

using config::ExitCode;
using snapshot::Listed;

constexpr const char* kUsage =
    "usage: harmonylite snapshot save -config FILE\n"
    "       harmonylite snapshot list -config FILE [--json]\n"
    "       harmonylite snapshot verify [NAME] -config FILE\n"
    "       harmonylite snapshot restore [NAME] [--to DATABASE] -config FILE\n";
constexpr std::chrono::milliseconds kBetweenLooks{100};
constexpr int64_t kRetryWithinMs = 10'000;

struct Request {
  std::string action;
  std::string name;  // if empty, the newest snapshot
  std::string to;
  bool json = false;
};

Error Usage(std::string_view what) {
  return MakeError(ErrorCode::kInvalidArgument, "{}\n{}", what, kUsage);
}

Result<Request> Parse(const config::CommandLine& command, const config::Config* config) {
  Request out;
  const std::vector<std::string>& words = command.arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    if (word.starts_with("--")) word.erase(0, 1);
    if (word == "-json") {
      out.json = true;
    } else if (word == "-to") {
      if (++i == words.size()) return Usage("--to needs a value");
      out.to = words[i];
    } else if (word.starts_with("-")) {
      return Usage("unknown argument " + words[i]);
    } else if (out.action.empty()) {
      out.action = word;
    } else if (out.name.empty()) {
      out.name = word;
    } else {
      return Usage("unknown argument " + words[i]);
    }
  }
  if (config == nullptr) return Usage("-config is missing: it says where the snapshots are");
  const bool known = out.action == "save" || out.action == "list" || out.action == "verify" ||
                     out.action == "restore";
  if (!known)
    return Usage(out.action.empty() ? "what is to be done?" : "unknown action " + out.action);
  if (out.json && out.action != "list") return Usage("--json belongs to list");
  if (!out.to.empty() && out.action != "restore") return Usage("--to belongs to restore");
  if (!out.name.empty() && (out.action == "save" || out.action == "list"))
    return Usage("unknown argument " + out.name);
  return out;
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
  nats::ConnectionOptions options =
      MakeConnectionOptions(config, NodeId(config.node_id.value_or(0)));
  if (config.nats.embedded()) {
    const nats_server::ServerOptions server =
        MakeServerOptions(command, config, NodeId(config.node_id.value_or(0)));
    if (out->lock) {
      HL_ASSIGN(out->server, nats_server::ServerProcess::Start(server, logger));
      options.urls = {out->server->client_url()};
    } else {
      HL_ASSIGN(const std::string url, nats_server::UrlOfRunningServer(server));
      options.urls = {url};
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

std::string TimeText(int64_t ms) {
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", utc);
}

std::string Json(const Listed& one) {
  std::string out = fmt::format("{{\"name\": \"{}\", \"usable\": {}, \"problem\": \"{}\"", one.name,
                                one.problem.empty(), JsonEscape(one.problem));
  if (one.manifest) {
    const snapshot::Manifest& m = *one.manifest;
    out += fmt::format(
        ", \"made_ms\": {}, \"node\": \"{}\", \"incarnation\": {}, \"size\": {}, "
        "\"packed\": {}, \"sha256\": \"{}\", \"progress\": [",
        m.made_ms, m.maker.node.value, m.maker.incarnation.value, m.size, m.packed, m.sha256);
    bool first = true;
    for (const auto& [origin, lseq] : m.progress.map()) {
      out +=
          fmt::format("{}{{\"node\": \"{}\", \"incarnation\": {}, \"lseq\": {}}}",
                      first ? "" : ", ", origin.node.value, origin.incarnation.value, lseq.value);
      first = false;
    }
    out += "]";
  }
  return out + "}";
}

void Print(const std::vector<Listed>& all, bool json) {
  if (json) {
    std::string out;
    for (const Listed& one : all) out += (out.empty() ? "\n  " : ",\n  ") + Json(one);
    fmt::print("[{}{}]\n", out, out.empty() ? "" : "\n");
    return;
  }
  constexpr const char* kLine = "{:<42}  {:<19}  {:>15}  {:>15}  {}\n";
  fmt::print(kLine, "NAME", "MADE (UTC)", "DATABASE BYTES", "PACKED BYTES", "STATE");
  for (const Listed& one : all) {
    const bool known = one.manifest.has_value();
    fmt::print(kLine, one.name, known ? TimeText(one.manifest->made_ms) : "-",
               known ? fmt::format("{}", one.manifest->size) : "-",
               known ? fmt::format("{}", one.manifest->packed) : "-",
               one.problem.empty() ? "complete" : one.problem);
  }
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
  fmt::print(
      "snapshot {} is good: checksums, integrity_check and hidden tables are as they must be\n",
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
  Print(all, request.json);
  return Ok();
}

}  // namespace

ExitCode Snapshots(const config::CommandLine& command, const config::Config* config) {
  auto request = Parse(command, config);
  if (!request.ok()) return Complain(request.error().message(), ExitCode::kUsage);
  Logger logger(STDERR_FILENO, config->logging.format,
                config->logging.verbose ? LogLevel::kDebug : LogLevel::kInfo);
  if (Status done = Perform(*request, command, *config, &logger); !done.ok())
    return Complain(done.error().message(), ExitCode::kFailure);
  return ExitCode::kOk;
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
