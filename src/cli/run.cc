#include <signal.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>

#include "adapters/hooks/hooks.h"
#include "cli/bootstrap.h"
#include "cli/commands.h"
#include "cli/lock_file.h"
#include "cli/observe.h"
#include "cli/stop_deadline.h"
#include "cli/stores.h"
#include "cli/wiring.h"
#include "config/glob.h"
#include "node/node.h"
#include "snapshot/private_database.h"
#include "sqlite/connection.h"
#include "sqlite/library.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;

// How often the main thread checks whether there is a reason to end.
constexpr timespec kLook{1, 0};
constexpr timespec kLookForJoin{0, 20'000'000};
constexpr std::chrono::seconds kStopWithin{4};

// Members are destroyed in reverse order: the node before its log and its hooks, the log before its
// server, the lock last.
struct Sidecar {
  std::optional<LockFile> lock;
  std::unique_ptr<hooks::Hooks> hooks;  // null: none are configured
  std::unique_ptr<nats_server::ServerProcess> server;
  std::shared_ptr<nats::Connection> connection;
  std::unique_ptr<nats::JetStreamLog> log;
  std::unique_ptr<nats::KvMetaStore> store;
  std::unique_ptr<ports::ObjectStore> snapshots;
  std::unique_ptr<node::Node> node;
  Observers observers;
  JoinAgain again;
};

// Returns whether a signal to end has arrived within `wait`; the signals are blocked in every
// thread.
bool SignalCame(const sigset_t& signals, const timespec& wait) {
  return ::sigtimedwait(&signals, nullptr, &wait) > 0;
}

Status Connect(const config::CommandLine& command, const config::Config& config, NodeId self,
               Logger* logger, Sidecar* out) {
  logger->set_node(fmt::format("{}", self.value));
  nats::ConnectionOptions connection = MakeConnectionOptions(config, self);
  if (config.nats.embedded()) {
    HL_ASSIGN(out->server,
              nats_server::ServerProcess::Start(MakeServerOptions(command, config, self), logger));
    for (const std::string& warning : out->server->warnings()) logger->Warning("{}", warning);
    connection.urls = {out->server->client_url()};
    logger->Info("embedded nats-server {} listens on {}", out->server->version(),
                 out->server->client_url());
  }
  HL_ASSIGN(out->connection, nats::Connection::Open(std::move(connection)));
  out->log = std::make_unique<nats::JetStreamLog>(out->connection, MakeLogOptions(config));
  out->store = std::make_unique<nats::KvMetaStore>(out->connection, MakeMetaOptions(config));
  if (config.snapshot.enabled) {
    HL_ASSIGN(out->snapshots, OpenStore(config.snapshot, out->connection));
  }
  // If the stream is configured differently, the operator must settle that, so the start fails. A
  // cluster that is still gathering its quorum becomes ready by itself.
  Status ready = out->log->EnsureReady();
  if (!ready.ok() && ready.error().code() != ErrorCode::kRetryLater) return ready;
  if (!ready.ok())
    logger->Info("the log is not ready ({}): changes are captured and sent as soon as it is",
                 ready.error().message());
  return Ok();
}

Result<JoinEnd> OpenSidecar(const config::CommandLine& command, const config::Config& config,
                            const sigset_t& signals, const Clock* clock, Logger* logger,
                            Sidecar* out) {
  HL_TRY(CheckDatabasePath(config.db_path));
  HL_ASSIGN(LockFile lock, LockFile::Take(config.db_path));
  out->lock.emplace(std::move(lock));
  snapshot::RemoveLeftovers(config.db_path);
  std::optional<NodeId> self;
  if (config.node_id) self = NodeId(*config.node_id);
  HL_ASSIGN(const std::optional<NodeId> joins, JoinsAs(config));
  if (joins) {
    self = joins;
    HL_TRY(Connect(command, config, *joins, logger, out));
    HL_ASSIGN(const JoinEnd end, JoinEmpty(command, config, *joins, out->snapshots.get(),
                                           out->store.get(), signals, clock, logger));
    if (end == JoinEnd::kAskedToEnd) return end;
  }
  HL_ASSIGN(out->node, node::Node::Open(MakeNodeOptions(config), self, clock, logger));
  if (!joins) HL_TRY(Connect(command, config, out->node->id(), logger, out));
  return JoinEnd::kGoOn;
}

// Says that the node is ready, if it takes part.
bool TellIfReplicating(const config::Config& config, const node::Node& node, Logger* logger) {
  if (!node.shared().rows().joined()) return false;
  logger->Info("replicating {}: {} tables, node {}, SQLite {}", config.db_path,
               node.shared().applied().tables, node.id().value, sqlite::LibraryVersion());
  return true;
}

// Returns the exit code when the sidecar should end. Returns nothing if the node runs without
// tables and should join again.
std::optional<ExitCode> WaitForEnd(const config::Config& config, const sigset_t& signals,
                                   const Clock& clock, Sidecar* sidecar, Logger* logger) {
  bool told = TellIfReplicating(config, *sidecar->node, logger);
  while (!SignalCame(signals, told ? kLook : kLookForJoin)) {
    told = told || TellIfReplicating(config, *sidecar->node, logger);
    if (sidecar->node->rivalled()) {
      logger->Error("another process already runs as node {}: give this one another node_id",
                    sidecar->node->id().value);
      return ExitCode::kFailure;
    }
    if (sidecar->again.Due(config, sidecar->node->shared().tables_elsewhere(), clock))
      return std::nullopt;
    if (config.sleep_timeout_ms > 0 && sidecar->node->idle_ms() >= config.sleep_timeout_ms &&
        sidecar->node->SavedForSleep()) {
      logger->Info("nothing happened for {} ms (sleep_timeout): ending", config.sleep_timeout_ms);
      return ExitCode::kOk;
    }
  }
  logger->Info("shutting down");
  return ExitCode::kOk;
}

// Joins again with a node that has no tables. The node is closed meanwhile, so that a snapshot can
// be restored into its file.
Result<JoinEnd> Rejoin(const config::CommandLine& command, const config::Config& config,
                       const sigset_t& signals, const Clock* clock, Logger* logger,
                       Sidecar* sidecar) {
  const NodeId self = sidecar->node->id();
  logger->Info("{} has no tables, and other nodes have: joining as a new node does",
               config.db_path);
  sidecar->observers.clear();
  sidecar->node.reset();
  auto end = JoinEmpty(command, config, self, sidecar->snapshots.get(), sidecar->store.get(),
                       signals, clock, logger);
  if (!end.ok())
    logger->Warning("the tables of other nodes cannot be had ({}): trying again later",
                    end.error().message());
  if (end.ok() && *end == JoinEnd::kAskedToEnd) return JoinEnd::kAskedToEnd;
  sidecar->again.Done(*clock);
  HL_ASSIGN(sidecar->node, node::Node::Open(MakeNodeOptions(config), self, clock, logger));
  return JoinEnd::kGoOn;
}

// Starts the hooks, and warns of patterns that are about no table yet.
void StartHooks(const config::Config& config, const Clock* clock, Logger* logger,
                Sidecar* sidecar) {
  if (config.hooks.empty()) return;
  sidecar->hooks =
      std::make_unique<hooks::Hooks>(MakeHookOptions(config, sidecar->node->id()), clock, logger);
  const std::vector<std::string> tables = sidecar->node->table_names();
  if (tables.empty()) return;  // the application has made none yet
  for (size_t i = 0; i < config.hooks.size(); ++i)
    for (const std::string& pattern : config.hooks[i].tables)
      if (std::none_of(tables.begin(), tables.end(),
                       [&](const std::string& table) { return config::GlobMatch(pattern, table); }))
        logger->Warning(
            "hook {}: no replicated table matches \"{}\" yet: check its spelling, and [tables]",
            i + 1, pattern);
}

Result<ExitCode> Serve(const config::CommandLine& command, const config::Config& config,
                       const sigset_t& signals, const Clock* clock, Logger* logger,
                       Sidecar* sidecar) {
  StartHooks(config, clock, logger, sidecar);
  while (true) {
    HL_ASSIGN(sidecar->observers, StartObservers(config, *sidecar->node, *sidecar->connection,
                                                 sidecar->hooks.get(), *clock, logger));
    if (!sidecar->node->shared().rows().joined())
      logger->Info("attached to {}: its changes are captured while it is compared with the cluster",
                   config.db_path);
    sidecar->node->Start(sidecar->log.get(), sidecar->store.get(), sidecar->snapshots.get(),
                         sidecar->hooks.get());
    if (const auto code = WaitForEnd(config, signals, *clock, sidecar, logger)) return *code;
    HL_ASSIGN(const JoinEnd end, Rejoin(command, config, signals, clock, logger, sidecar));
    if (end == JoinEnd::kAskedToEnd) return ExitCode::kOk;
  }
}

}  // namespace

ExitCode Run(const config::CommandLine& command, const config::Config& config, Logger* logger) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  // The signals are blocked before any thread exists, so that all threads inherit the mask.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  for (const std::string& warning : config.warnings) logger->Warning("{}", warning);
  const SystemClock clock;
  Sidecar sidecar;
  auto opened = OpenSidecar(command, config, signals, &clock, logger, &sidecar);
  if (!opened.ok()) {
    logger->Error("cannot start: {}", opened.error().message());
    return ExitCode::kFailure;
  }
  if (*opened == JoinEnd::kAskedToEnd) return ExitCode::kOk;
  const Result<ExitCode> served = Serve(command, config, signals, &clock, logger, &sidecar);
  if (!served.ok()) logger->Error("cannot start: {}", served.error().message());
  const ExitCode code = served.ok() ? *served : ExitCode::kFailure;
  {
    const StopDeadline deadline(kStopWithin, code, logger);
    sidecar.observers.clear();
    if (sidecar.node) sidecar.node->Stop();
    if (sidecar.hooks) sidecar.hooks->Stop();
    if (sidecar.server) sidecar.server->Stop();
    sidecar.snapshots.reset();
    sidecar.store.reset();
    sidecar.log.reset();
    sidecar.connection.reset();
  }
  logger->Info("stopped");
  return code;
}

}  // namespace harmonylite::cli
