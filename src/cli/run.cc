#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/commands.h"
#include "cli/lock_file.h"
#include "cli/observe.h"
#include "cli/wiring.h"
#include "node/node.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;

// How often the main thread looks whether a reason to end has come up.
constexpr timespec kLook{0, 200'000'000};
constexpr std::chrono::seconds kStopWithin{4};

// Members end in reverse order: the node before its log, the log before its server, the lock last.
struct Sidecar {
  std::optional<LockFile> lock;
  std::unique_ptr<nats::ServerProcess> server;
  std::shared_ptr<nats::Connection> connection;
  std::unique_ptr<nats::JetStreamLog> log;
  std::unique_ptr<nats::KvMetaStore> store;
  std::unique_ptr<node::Node> node;
  Observers observers;
};

// Asks whether a signal to end has come; the signals are blocked in every thread.
bool SignalCame(const sigset_t& signals, const timespec& wait) {
  return ::sigtimedwait(&signals, nullptr, &wait) > 0;
}

Status OpenSidecar(const config::CommandLine& command, const config::Config& config,
                   const Clock* clock, Logger* logger, Sidecar* out) {
  HL_TRY(CheckDatabasePath(config.db_path));
  HL_ASSIGN(LockFile lock, LockFile::Take(config.db_path));
  out->lock.emplace(std::move(lock));
  std::optional<NodeId> node;
  if (config.node_id) node = NodeId(*config.node_id);
  HL_ASSIGN(out->node, node::Node::Open(MakeNodeOptions(config), node, clock, logger));
  logger->set_node(fmt::format("{}", out->node->id().value));

  nats::ConnectionOptions connection = MakeConnectionOptions(config, out->node->id());
  if (config.nats.embedded()) {
    HL_ASSIGN(out->server,
              nats::ServerProcess::Start(MakeServerOptions(command, config, out->node->id()), logger));
    for (const std::string& warning : out->server->warnings()) logger->Warning("{}", warning);
    connection.urls = {out->server->client_url()};
    logger->Info("embedded nats-server {} listens on {}", out->server->version(),
                 out->server->client_url());
  }
  HL_ASSIGN(out->connection, nats::Connection::Open(std::move(connection)));
  out->log = std::make_unique<nats::JetStreamLog>(out->connection, MakeLogOptions(config));
  out->store = std::make_unique<nats::KvMetaStore>(out->connection, MakeMetaOptions(config));
  // A stream that is configured otherwise is the operator's to settle; a cluster that is still gathering
  // its quorum is not.
  Status ready = out->log->EnsureReady();
  if (!ready.ok() && ready.error().code() != ErrorCode::kRetryLater) return ready;
  if (!ready.ok())
    logger->Info("the log is not ready ({}): changes are captured and sent as soon as it is",
                 ready.error().message());
  return Ok();
}

// Ends the process when stopping takes too long (a NATS that accepts and never answers). Nothing is lost by
// that: what matters is in the database, and the embedded server ends with us.
class StopDeadline {
 public:
  explicit StopDeadline(Logger* logger)
      : thread_([this, logger] {
          std::unique_lock lock(mutex_);
          if (changed_.wait_for(lock, kStopWithin, [this] { return done_; })) return;
          logger->Warning("NATS does not answer: ending without waiting for it");
          ::_exit(static_cast<int>(ExitCode::kOk));
        }) {}
  ~StopDeadline() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;  // guarded by mutex_
  std::thread thread_;
};

ExitCode WaitForEnd(const config::Config& config, const sigset_t& signals, Sidecar* sidecar,
                    Logger* logger) {
  while (!SignalCame(signals, kLook)) {
    if (sidecar->node->rivalled()) {
      logger->Error("another process already runs as node {}: give this one another node_id",
                    sidecar->node->id().value);
      return ExitCode::kFailure;
    }
    if (config.sleep_timeout_ms > 0 && sidecar->node->idle_ms() >= config.sleep_timeout_ms) {
      logger->Info("nothing happened for {} ms (sleep_timeout): ending", config.sleep_timeout_ms);
      return ExitCode::kOk;
    }
  }
  logger->Info("asked to end");
  return ExitCode::kOk;
}

}  // namespace

ExitCode Run(const config::CommandLine& command, const config::Config& config, Logger* logger) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  // Before any thread exists, so that all inherit it.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  for (const std::string& warning : config.warnings) logger->Warning("{}", warning);
  const SystemClock clock;
  Sidecar sidecar;
  if (Status opened = OpenSidecar(command, config, &clock, logger, &sidecar); !opened.ok()) {
    logger->Error("cannot start: {}", opened.error().message());
    return ExitCode::kFailure;
  }
  auto observers = StartObservers(config, *sidecar.node, *sidecar.connection, clock, logger);
  if (!observers.ok()) {
    logger->Error("cannot start: {}", observers.error().message());
    return ExitCode::kFailure;
  }
  sidecar.observers = std::move(*observers);
  const size_t tables = sidecar.node->tables();
  sidecar.node->Start(sidecar.log.get(), sidecar.store.get());
  logger->Info("replicating {}: {} tables, node {}, SQLite {}", config.db_path, tables, sidecar.node->id().value, sqlite::LibraryVersion());
  const ExitCode code = WaitForEnd(config, signals, &sidecar, logger);
  {
    const StopDeadline deadline(logger);
    sidecar.observers.clear();
    sidecar.node->Stop();
    if (sidecar.server) sidecar.server->Stop();
    sidecar.store.reset();
    sidecar.log.reset();
    sidecar.connection.reset();
  }
  logger->Info("ended");
  return code;
}

}  // namespace harmonylite::cli
