#include "cli/bootstrap.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "cli/progress.h"
#include "cli/wiring.h"
#include "ledger/hidden_tables.h"
#include "node/node.h"
#include "node/recovery/empty_join.h"
#include "snapshot/restore.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

namespace {

using node::EmptyJoin;

constexpr timespec kLook{0, 100'000'000};
constexpr std::chrono::milliseconds kBetweenSteps{200};
constexpr int64_t kMostPauseMs = 600'000;

// Returns the node id in the file at `path`, or 0 if no node has used the file.
Result<uint64_t> NodeInFile(const std::string& path) {
  auto db = sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite);
  if (!db.ok()) {
    if (db.error().code() == ErrorCode::kNotFound) return uint64_t{0};
    return std::move(db).error();
  }
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(&*db));
  if (installed != ledger::Installed::kYes) return uint64_t{0};
  HL_ASSIGN(const ledger::State state, ledger::LoadState(&*db));
  return state.self.node.value;
}

// Returns whether no other node can reach the registry, because it is in this node's own server,
// which listens on this machine only.
bool IsAlone(const config::CommandLine& command, const config::Config& config) {
  const std::string& host = config.nats.bind_address.host;
  return config.nats.embedded() && !command.cluster_addr && command.cluster_peers.empty() &&
         command.leaf_servers.empty() && config.nats.server_config.empty() &&
         (host == "127.0.0.1" || host == "::1" || host == "localhost");
}

uint64_t DrawNodeId() {
  std::random_device device;
  const uint64_t random = (uint64_t{device()} << 32) | device();
  return (random >> 11) | 1;  // fits in the integers of SQLite and JSON
}

// Runs the join on a thread of its own, so that the main thread can wait for signals meanwhile.
class JoinThread {
 public:
  explicit JoinThread(EmptyJoin* join) : join_(join), thread_([this] { Run(); }) {}
  ~JoinThread() {
    join_->activity().transfer.cancelled = true;
    stop_.store(true);
    thread_.join();
  }
  bool done() const { return done_.load(); }
  // May be called only after done() has returned true.
  Result<EmptyJoin::Outcome>& outcome() { return outcome_; }
  std::string waiting_for() {
    const std::lock_guard lock(mutex_);
    return waiting_for_;
  }

 private:
  void Run() {
    while (!stop_.load()) {
      outcome_ = join_->Step();
      if (!outcome_.ok() || *outcome_ != EmptyJoin::Outcome::kWaiting) break;
      {
        const std::lock_guard lock(mutex_);
        waiting_for_ = join_->waiting_for();
      }
      std::this_thread::sleep_for(kBetweenSteps);
    }
    done_.store(true);
  }

  EmptyJoin* join_;  // not owned
  std::atomic<bool> stop_{false};
  std::atomic<bool> done_{false};
  Result<EmptyJoin::Outcome> outcome_ = EmptyJoin::Outcome::kWaiting;
  std::mutex mutex_;
  std::string waiting_for_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace

Result<std::optional<NodeId>> JoinsAs(const config::Config& config) {
  if (!config.snapshot.enabled || !config.replicate) return std::optional<NodeId>();
  auto empty = snapshot::CanBecomeReplica(config.db_path);
  // A file that cannot be examined does not join here. Opening the node then says what is wrong
  // with the file, or waits until it is not locked.
  if (!empty.ok() || !*empty) return std::optional<NodeId>();
  HL_ASSIGN(const uint64_t in_file, NodeInFile(config.db_path));
  if (config.node_id) return std::optional<NodeId>(NodeId(*config.node_id));
  return std::optional<NodeId>(NodeId(in_file != 0 ? in_file : DrawNodeId()));
}

Result<JoinEnd> JoinEmpty(const config::CommandLine& command, const config::Config& config,
                          NodeId self, ports::ObjectStore* store, ports::MetaStore* meta,
                          const sigset_t& signals, const Clock* clock, Logger* logger) {
  const auto attach = [&]() -> Status {
    auto node = node::Node::Open(MakeNodeOptions(config), self, clock, logger);
    return node.ok() ? Ok() : Status(std::move(node).error());
  };
  EmptyJoin join({store, meta, clock, logger, MakeSnapshotOptions(config), self,
                  config.snapshot.leader_ttl_ms, config.max_clock_skew_ms, IsAlone(command, config),
                  attach});
  JoinThread thread(&join);
  Progress progress(&join.activity(), clock, logger);
  while (!thread.done()) {
    if (::sigtimedwait(&signals, nullptr, &kLook) > 0) {
      logger->Info("shutting down");
      return JoinEnd::kAskedToEnd;
    }
    if (!thread.done()) progress.Show(thread.waiting_for());
  }
  if (!thread.outcome().ok()) return std::move(thread.outcome()).error();
  return JoinEnd::kGoOn;
}

std::optional<NodeId> JoinAgain::Due(const config::Config& config, bool elsewhere,
                                     const Clock& clock) const {
  if (!elsewhere || clock.MonotonicMs() < not_before_ms_) return std::nullopt;
  // The database may have tables by now, or tables that are not replicated, so it is examined
  // again.
  auto joins = JoinsAs(config);
  return joins.ok() ? *joins : std::nullopt;
}

void JoinAgain::Done(const Clock& clock) {
  not_before_ms_ = clock.MonotonicMs() + pause_ms_;
  pause_ms_ = std::min(2 * pause_ms_, kMostPauseMs);
}

}  // namespace harmonylite::cli
