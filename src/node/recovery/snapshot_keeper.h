// Decides when a snapshot is made, if this node is the one that does it: by lease, one node of the cluster.
//
// Reasons: the interval has passed, somebody asks for one, or the log will soon forget records that the newest
// snapshot does not cover. The work itself is SnapshotMaker's; a lost lease ends it.
// A node without replicated tables has nothing to give, and never holds the lease.
//
// Threads: one owner at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/logger.h"
#include "node/cluster/lease.h"
#include "node/options.h"
#include "node/shared_state.h"
#include "node/snapshot_board.h"
#include "node/step.h"
#include "ports/meta_store.h"
#include "ports/replication_log.h"

namespace harmonylite::node {

// Keys of the registry. Whoever needs a snapshot puts the second; it is deleted when there is one.
inline constexpr const char* kSnapshotLease = "snapshot.lease";
inline constexpr const char* kSnapshotRequest = "snapshot.request";

// The request of a node that has a database and is too far behind. It must be answered by another one.
inline std::string ResyncRequest(NodeId asker) { return fmt::format("resync of node {}", asker.value); }
inline bool IsResyncRequest(std::string_view request) { return request.starts_with("resync"); }

class SnapshotKeeper {
 public:
  struct Dependencies {
    ports::MetaStore* meta;
    ports::ReplicationLog* log;
    SharedState* shared;
    SnapshotBoard* board;
    const Clock* clock;
    Logger* logger;
    SnapshotPolicy policy;
    uint64_t session;  // drawn anew for every process
  };
  explicit SnapshotKeeper(Dependencies dependencies);

  // Does nothing until the next look is due.
  StepResult Step();
  // When the node ends: somebody else may lead at once.
  void Release();

 private:
  bool Willing(int64_t now);
  std::string Note() const;
  void NoteOutcome(int64_t now);
  Status HearRequests(int64_t now);
  Status Decide(int64_t now);
  Result<bool> LogForgets();

  Dependencies d_;
  Lease lease_;
  const int64_t began_ms_;    // monotonic
  bool read_all_ = false;     // the log, once since the start
  int64_t next_ms_ = 0;
  int64_t next_log_look_ms_ = 0;
  int64_t fit_ms_;            // monotonic: when this node was last as good a maker as any
  int64_t failures_ = 0;      // in a row
  int64_t seen_done_ = 0;     // of the board
  int64_t seen_failed_ = 0;
  int64_t not_before_ms_ = 0; // monotonic: no attempt until then, after failures
  int64_t made_ms_ = -1;      // monotonic: when the newest snapshot was made
  std::string made_name_;     // … and which one it is
  int64_t looked_at_batches_ = -1;  // sent and applied when the log was looked at: until more are, it is as it was
  uint64_t told_at_ = 0;      // last record of the log when it was about to forget: a cursor that is held is no reason to go on
  uint64_t request_ = 0;      // revision of the request that the present attempt answers
};

}  // namespace harmonylite::node
