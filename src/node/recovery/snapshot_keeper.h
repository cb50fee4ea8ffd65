// Decides when a snapshot is made, if this node holds the lease for making snapshots. One node of
// the cluster holds it at a time.
//
// A snapshot is due when the interval has passed, when a node asks for one, and when the log will
// soon forget records that the newest snapshot does not cover. SnapshotMaker does the work; if the
// lease is lost, the work is given up. A node without replicated tables has nothing to give and
// never holds the lease.
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

// Keys of the registry. A node that needs a snapshot puts the second one, and the maker deletes it
// when the snapshot is stored.
inline constexpr const char* kSnapshotLease = "snapshot.lease";
inline constexpr const char* kSnapshotRequest = "snapshot.request";

// The request of a node that has a database and is too far behind. Another node must answer it.
inline std::string ResyncRequest(NodeId asker) {
  return fmt::format("resync of node {}", asker.value);
}
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
    uint64_t session;  // drawn anew by every process
  };
  explicit SnapshotKeeper(Dependencies dependencies);

  // Renews or takes the lease and decides whether a snapshot is due. Does nothing before the next
  // look is due.
  StepResult Step();
  // Gives up the work at hand and frees the lease when the node ends, so that another node may take
  // it at once.
  void Release();

 private:
  // Whether this node should take the lease, or keep it.
  bool Willing(int64_t now);
  // One line beside the lease, which the nodes that wait for a snapshot show.
  std::string Note() const;
  void NoteOutcome(int64_t now);
  Status HearRequests(int64_t now);
  Status Decide(int64_t now);
  // True if the log will soon forget records that no snapshot covers.
  Result<bool> LogForgets();

  Dependencies d_;
  Lease lease_;
  const int64_t began_ms_;  // monotonic
  // True once this node has read the log to its end, or has had kReadWithinMs to do so.
  bool read_all_ = false;
  int64_t next_ms_ = 0;
  int64_t next_log_look_ms_ = 0;
  // Monotonic time at which this node was last as good a maker as any other.
  int64_t fit_ms_;
  int64_t failures_ = 0;   // failed attempts in a row
  int64_t seen_done_ = 0;  // SnapshotBoard::done() at the last look
  // SnapshotBoard::failed() at the last look
  int64_t seen_failed_ = 0;
  // Monotonic time before which nothing is attempted, because of failures.
  int64_t not_before_ms_ = 0;
  // Monotonic time at which the newest snapshot was made; -1: there is none.
  int64_t made_ms_ = -1;
  std::string made_name_;  // name of the newest snapshot
  // Batches sent plus applied at the last look at the log. Until the sum grows the log has nothing
  // new that this node knows of, and is not looked at.
  int64_t looked_at_batches_ = -1;
  // Last record of the log when it was last about to forget. If the cursor of a snapshot does not
  // move because its maker's consumer holds batches, that alone must not cause one snapshot after
  // another.
  uint64_t told_at_ = 0;
  // Revision of the request that the snapshot at hand answers; 0: none.
  uint64_t request_ = 0;
};

}  // namespace harmonylite::node
