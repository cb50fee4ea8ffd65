// What a node reports about itself, as plain values: the common source of the health answer and of
// the metrics.
//
// Threads: a plain value, which its caller owns.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace harmonylite::ops {

struct WaitingChanges {
  uint64_t node = 0;   // the node whose changes wait
  std::string kind;    // "missing", "schema", "clock", "refused" or "stale"
  std::string reason;  // text for the operator
};

// What a hook has done since the start.
struct HookStatus {
  int number = 0;  // its place in the configuration
  int64_t runs = 0;
  int64_t failures = 0;
  std::string failure;      // why its newest run failed; empty if it did not
  int64_t untold_rows = 0;  // rows that no successful run has told yet
};

struct NodeStatus {
  std::string version;  // version of the program
  uint64_t node_id = 0;
  int64_t uptime_s = 0;
  int64_t tables = 0;               // number of replicated tables
  uint64_t schema_fingerprint = 0;  // fingerprint of all replicated tables
  uint64_t definitions = 0;         // fingerprint of their definitions
  bool nats_connected = false;
  uint64_t nats_reconnects = 0;
  bool database_ok = true;  // whether the newest write to the database succeeded
  std::string database_error;
  // Why this node's changes cannot be read, so that none is sent; empty if they can.
  std::string unsendable;
  // Why a snapshot that this node needs cannot be merged; empty if no problem is known.
  std::string resync_error;
  // Which snapshot that this node needs cannot be read, and why; empty if there is none.
  std::string unreadable_snapshot;
  // Why the next record of the log cannot be taken here; empty if it can.
  std::string stalled;
  bool caught_up = false;      // nothing in the log is waiting to be read
  int64_t unsent_changes = 0;  // changes journaled here that are not in the log yet
  std::vector<WaitingChanges> waiting;
  int64_t orphans = 0;  // rows without a parent, hidden or not
  // Rows that are on no other node because of NULL in their keys, by table.
  std::map<std::string, int64_t> null_keys;
  // Tables that are not replicated although nobody left them out, with the reasons.
  std::map<std::string, std::string> left_out;
  // Rows whose parents lost their ids to other nodes' rows, by table.
  std::map<std::string, int64_t> lost_children;
  bool snapshot_leader = false;  // whether this node is the one that makes snapshots
  // Wall clock time at which the newest snapshot in the store was made; empty if none is known.
  std::optional<int64_t> snapshot_made_ms;
  // Why this node's newest attempt to make a snapshot failed; empty if it succeeded.
  std::string snapshot_error;
  // Why the first join is not settled; empty if it is. Until it is settled, nothing is sent or
  // applied.
  std::string join_problem;
  // How rows differ from another node's, or from what was written; empty if they do not.
  std::string divergence;
  int64_t divergent_tables = 0;
  int64_t damaged_rows = 0;
  // Wall clock time of the newest comparison of rows with other nodes; empty if there was none.
  std::optional<int64_t> last_compared_ms;
  // Wall clock time of the newest sent batch; empty if none was sent since the start.
  std::optional<int64_t> last_sent_ms;
  // Wall clock time of the newest applied batch; empty if none was applied since the start.
  std::optional<int64_t> last_applied_ms;
  // The members from here to `id_slots_lost` count since the start.
  int64_t batches_sent = 0;
  int64_t rows_sent = 0;
  int64_t batches_applied = 0;
  int64_t rows_applied = 0;
  int64_t conflicts = 0;
  int64_t tombstones_forgotten = 0;
  int64_t behind_door = 0;     // own write transactions that no transaction of the application met
  int64_t forced = 0;          // own write transactions that could not wait for the application's
  int64_t id_blocks_left = 0;  // transactions of the application that gave out ids beyond its block
  int64_t id_slots_lost = 0;   // slots of ids that the registry said another node has
  // The slot of ids that this node gives out, and whether the registry has named it the holder.
  std::optional<int64_t> id_slot;
  bool id_slot_claimed = false;
  std::string id_problem;  // why ids may collide with another node's; empty if they do not
  std::vector<HookStatus> hooks;
  // The members from here on describe the cluster, as far as this node knows it.
  int64_t members = 0;            // nodes heard of within the eviction horizon, this one included
  std::vector<uint64_t> evicted;  // nodes that were silent for longer than the eviction horizon
  int64_t tombstones = 0;         // versions of deleted rows that are kept, as of the last count
};

}  // namespace harmonylite::ops
