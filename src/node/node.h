// One running node: opens the database, attaches, and drives each worker with a thread of its own.
//
// Threads: one thread calls Start and Stop; any thread may call the rest, unless a method says
// otherwise.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/logger.h"
#include "base/result.h"
#include "capture/change_signal.h"
#include "node/cluster/keeper.h"
#include "node/options.h"
#include "node/recovery/stored_snapshots.h"
#include "node/replication/consumer.h"
#include "node/replication/door_keeper.h"
#include "node/replication/publisher.h"
#include "node/replication/replica.h"
#include "node/replication/short_pause.h"
#include "node/shared_state.h"
#include "node/snapshot_board.h"
#include "ports/meta_store.h"
#include "ports/object_store.h"
#include "ports/replication_log.h"
#include "ports/row_listener.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

class Node {
 public:
  // Opens the database file, which is created if it is absent, and attaches to it. `clock` and
  // `logger` outlive the node. An error's message says what is wrong with the file and what to do.
  static Result<std::unique_ptr<Node>> Open(NodeOptions options, std::optional<NodeId> node,
                                            const Clock* clock, Logger* logger);
  ~Node();

  NodeId id() const { return shared_.self().node; }
  // Names of the replicated tables. Call this only before Start(): afterwards the consumer owns the
  // catalog.
  std::vector<std::string> table_names() const;

  // Starts the workers. `log`, `store`, `snapshots` and `rows` outlive the node. If `snapshots` is
  // null, the node makes no snapshots. `rows`, unless it is null, is told which tables of the
  // application this node writes to.
  void Start(ports::ReplicationLog* log, ports::MetaStore* store,
             ports::ObjectStore* snapshots = nullptr, ports::RowListener* rows = nullptr);
  // Ends the workers, mostly within a second (docs/design.md names the steps that may take longer).
  // Everything that was confirmed is in the database.
  void Stop();

  // The facts that the workers share, for health and metrics.
  const SharedState& shared() const { return shared_; }
  // The state of making snapshots, for health and metrics.
  const SnapshotBoard& snapshots() const { return snapshots_; }
  // True if the process may exit because of sleep_timeout: the newest snapshot contains everything
  // that is here, or this node has nothing to save, or the attempt to save it failed. Otherwise a
  // snapshot is requested and the caller asks again. Only one thread calls this.
  bool SavedForSleep();
  // How this node's write transactions met the application's.
  DoorCounts door() const { return door_->counts(); }
  // True if another process runs with this node id.
  bool rivalled() const { return rivalled_.load(); }
  // Milliseconds since a change was last sent or applied.
  int64_t idle_ms() const { return clock_->MonotonicMs() - active_ms_.load(); }

 private:
  Node(NodeOptions options, const Clock* clock, Logger* logger);
  void RunPublisher(ports::ReplicationLog* log);
  void RunConsumer(ports::ReplicationLog* log);
  void RunKeeper(ports::MetaStore* store, ports::ReplicationLog* log);
  void RunSnapshotMaker(ports::ObjectStore* store);
  void RunVerifier(ports::MetaStore* store);
  // Sets a connection up on the thread of the worker that uses it.
  void SetUpForWorker(sqlite::Connection* db, int cache_kib);
  void PauseUnlessStopping(std::chrono::milliseconds most);
  void MarkActive() { active_ms_.store(clock_->MonotonicMs()); }

  const NodeOptions options_;
  const Clock* clock_;
  Logger* logger_;
  SharedState shared_;
  std::optional<sqlite::Connection> write_db_;  // used by the replica alone
  ShortPause door_pause_;
  std::optional<DoorKeeper> door_;               // of write_db_
  std::optional<sqlite::Connection> read_db_;    // used by the publisher, to read rows
  std::optional<sqlite::Connection> watch_db_;   // used by the publisher, to notice commits
  std::optional<sqlite::Connection> verify_db_;  // used by the verifier and the joiner
  std::optional<Replica> replica_;
  capture::ChangeSignal signal_;
  std::mutex stop_mutex_;
  std::condition_variable stopped_;
  std::atomic<bool> stopping_{false};  // written while stop_mutex_ is held
  std::atomic<bool> rivalled_{false};
  std::atomic<int64_t> active_ms_{0};
  SnapshotBoard snapshots_;
  std::unique_ptr<StoredSnapshots> stored_;  // null: this node makes no snapshots
  bool makes_snapshots_ = false;             // constant after Start()
  // SnapshotBoard::failed() at the last request of SavedForSleep
  std::optional<int64_t> failures_before_sleep_;
  std::vector<std::thread> threads_;
};

}  // namespace harmonylite::node
