// One running node: opens the database, attaches, and drives the workers with a thread each.
//
// Threads: Start and Stop by one thread; the rest by any, but where said.
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
#include "node/replication/publisher.h"
#include "node/replication/replica.h"
#include "node/shared_state.h"
#include "node/snapshot_board.h"
#include "ports/meta_store.h"
#include "ports/object_store.h"
#include "ports/replication_log.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

class Node {
 public:
  // Opens (or makes) the database file and attaches to it. The references outlive the node.
  // Errors say what is wrong with the file and what to do.
  static Result<std::unique_ptr<Node>> Open(NodeOptions options, std::optional<NodeId> node,
                                            const Clock* clock, Logger* logger);
  ~Node();

  NodeId id() const { return shared_.self().node; }
  // That are replicated. Only before Start: afterwards it is the consumer's (AppliedState::tables).
  size_t tables() const { return replica_->catalog().tables.size(); }

  // Starts the workers. `log`, `store` and `snapshots` outlive the node; null: it makes no snapshots.
  void Start(ports::ReplicationLog* log, ports::MetaStore* store, ports::ObjectStore* snapshots = nullptr);
  // Ends the workers within about a second; everything confirmed is saved.
  void Stop();

  // What the workers tell each other, for health and metrics.
  const SharedState& shared() const { return shared_; }
  // What there is of snapshots.
  const SnapshotBoard& snapshots() const { return snapshots_; }
  // Whether a snapshot has everything that is here, or nothing is here: asks for one if not, and is
  // true, too, when it could not be made.
  // Called by one thread.
  bool SavedForSleep();
  // Another process runs with this node id.
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
  void PauseUnlessStopping(std::chrono::milliseconds most);
  void MarkActive() { active_ms_.store(clock_->MonotonicMs()); }

  const NodeOptions options_;
  const Clock* clock_;
  Logger* logger_;
  SharedState shared_;
  std::optional<sqlite::Connection> write_db_;  // the replica's
  std::optional<sqlite::Connection> read_db_;   // the publisher's
  std::optional<sqlite::Connection> watch_db_;  // likewise
  std::optional<sqlite::Connection> verify_db_;  // the verifier's
  std::optional<Replica> replica_;
  capture::ChangeSignal signal_;
  std::mutex stop_mutex_;
  std::condition_variable stopped_;
  std::atomic<bool> stopping_{false};  // set under stop_mutex_
  std::atomic<bool> rivalled_{false};
  std::atomic<int64_t> active_ms_{0};
  SnapshotBoard snapshots_;
  std::unique_ptr<StoredSnapshots> stored_;  // null: there is no store
  bool makes_snapshots_ = false;                  // constant once started
  std::optional<int64_t> failures_before_sleep_;  // when SavedForSleep asked for a snapshot
  std::vector<std::thread> threads_;
};

}  // namespace harmonylite::node
