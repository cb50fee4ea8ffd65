// What a node can say about itself, as plain values: the one source of the health answer and of the metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace harmonylite::ops {

struct WaitingChanges {
  uint64_t node = 0;   // whose changes wait
  std::string kind;    // "missing", "schema", "clock", "refused" or "stale"
  std::string reason;  // for the operator
};

struct NodeStatus {
  std::string version;  // of the program
  uint64_t node_id = 0;
  int64_t uptime_s = 0;
  int64_t tables = 0;               // replicated ones
  uint64_t schema_fingerprint = 0;  // of all of them
  bool nats_connected = false;
  uint64_t nats_reconnects = 0;
  bool database_ok = true;   // the newest attempt to write our part of it succeeded
  std::string database_error;
  std::string resync_error;  // why a snapshot that this node needs cannot be merged; empty: nothing is known
  std::string unreadable_snapshot;  // which one that it needs cannot be read, and why; or empty
  std::string stalled;       // why the next record of the log cannot be taken here; empty: it can
  bool caught_up = false;    // nothing in the log is waiting to be read
  int64_t unsent_changes = 0;  // journaled here, not in the log yet
  std::vector<WaitingChanges> waiting;
  int64_t orphans = 0;  // rows without a parent, hidden or not
  bool snapshot_leader = false;             // this node is the one that makes snapshots
  std::optional<int64_t> snapshot_made_ms;  // wall clock: the newest snapshot in the store; none is known: empty
  std::string snapshot_error;               // of this node's newest attempt to make one; empty: it succeeded
  std::string join_problem;    // not empty: nothing is sent or applied until its first join is settled
  std::string divergence;      // not empty: rows differ from another node's, or from what was written
  int64_t divergent_tables = 0;
  int64_t damaged_rows = 0;
  std::optional<int64_t> last_compared_ms;  // rows with the other nodes'
  std::optional<int64_t> last_sent_ms;     // wall clock; nothing since the start: empty
  std::optional<int64_t> last_applied_ms;  // likewise
  // Since the start:
  int64_t batches_sent = 0;
  int64_t rows_sent = 0;
  int64_t batches_applied = 0;
  int64_t rows_applied = 0;
  int64_t conflicts = 0;
  int64_t tombstones_forgotten = 0;
  // Of the cluster, as far as this node knows:
  int64_t members = 0;            // nodes heard of within the eviction horizon, this one included
  std::vector<uint64_t> evicted;  // nodes that were silent for longer
  int64_t tombstones = 0;         // versions of deleted rows that are kept, as of the last count
};

}  // namespace harmonylite::ops
