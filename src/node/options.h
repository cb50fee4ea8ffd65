// The settings of one node, filled from the configuration by cli/wiring, and the named limits of
// its workers.
//
// Threads: values; constant once the node runs.
#pragma once

#include <cstdint>
#include <string>

#include "base/spool.h"
#include "ledger/id_slots.h"
#include "schema/follow.h"
#include "schema/schema.h"
#include "snapshot/strip.h"

namespace harmonylite::node {

// When this node makes snapshots while it holds the lease for making them.
struct SnapshotPolicy {
  int64_t interval_ms = 0;          // 0: only on request, and before the log forgets records
  int64_t leader_ttl_ms = 30'000;   // a lease that is not renewed for this long is free
  int64_t max_entries = 1'000'000;  // records that the log keeps
  int keep = 3;                     // snapshots that stay in the store; older ones are removed
};

// What happens before a file takes part for the first time.
enum class FirstJoin {
  kAtOnce,  // nothing: its rows are taken for the cluster's
  kAsk,     // it is compared with the cluster; where rows differ, the operator decides
  kMerge,   // it is compared with the cluster; where rows differ, the cluster's count
};

// When a write transaction of attaching ends although something is left to do. The application
// waits for each, but every one also makes it read its schema anew, so that many short ones cost it
// more than few long ones.
struct AttachStep {
  int64_t most = INT64_MAX;  // tables that are adopted, or objects that are journaled
  int64_t ms = 25;           // since the transaction got the write lock
};

struct NodeOptions {
  std::string db_path;
  std::string spool_directory;  // where batches that are too large for memory are spooled
  // Bytes of one arriving batch that stay in memory; a larger batch is spooled to the disk.
  size_t spool_memory = Spool::kDefaultMemoryLimit;
  std::string vfs;  // name of SQLite's VFS; empty for the default one
  bool publish = true;
  bool replicate = true;
  bool compress = true;
  int64_t max_clock_skew_ms = 60'000;
  // Longest time between two rounds of folding, trimming and saving the cursor while the
  // application is busy. Milliseconds.
  int64_t cleanup_interval_ms = 5'000;
  // Time between two looks at the database, in milliseconds. 0: the default, which file events
  // shorten.
  int64_t polling_interval_ms = 0;
  // Changes in one batch, where a backlog can be cut between transactions. The publisher begins
  // with the least number while the log answers quickly and goes up to the greatest when the log is
  // slow: small batches keep locks short on other nodes, large ones share the round trips of a slow
  // line.
  int64_t min_batch_changes = 1'024;
  int64_t max_batch_changes = 100'000;
  // Limits of what is kept of writes that lost a conflict.
  int64_t conflicts_max_rows = 100'000;
  int64_t conflicts_max_age_ms = int64_t{30} * 24 * 3'600'000;
  // Time between background comparisons with the other nodes, in milliseconds; 0: there are none.
  int64_t verify_interval_ms = 600'000;
  // Whether AUTOINCREMENT tables give out ids that no other node gives out, and by which numbers.
  bool share_ids = true;
  ledger::IdLayout id_layout;
  AttachStep attach_step;
  FirstJoin first_join = FirstJoin::kAtOnce;  // node/recovery/joiner.h
  // A node that is silent for longer is evicted: deletes are forgotten without waiting for it, and
  // it needs a snapshot when it comes back. Milliseconds.
  int64_t eviction_horizon_ms = int64_t{7} * 24 * 3'600'000;
  // Tombstones are forgotten only where snapshots are made, because a node that is too far behind
  // to be repaired needs one.
  bool collect_tombstones = false;
  schema::LoadOptions tables;
  schema::FollowOptions schema;
  snapshot::LeavesOut leaves_out;  // tables that are kept out of snapshots
  SnapshotPolicy snapshots;
};

// Most bytes of rows in one frame; fewer if the log accepts only smaller records.
constexpr size_t kMaxFrameBody = 1 << 20;
// Journal entries that are folded, or trimmed, in one write transaction; each holds the lock for
// about a millisecond.
constexpr int64_t kFoldChunk = 512;
constexpr int64_t kTrimChunk = 4'096;
// A journal with more entries than this is folded and trimmed even while the application writes.
constexpr int64_t kMaxJournal = 4'000'000;
// Bytes of batches applied in one transaction. A single batch that is larger is still applied in
// one transaction, because batches are never split (P6).
constexpr uint64_t kApplyBudgetBytes = 256 << 10;
// Bytes of batches applied in one transaction while the application writes, too, so that its
// writers wait less (P8).
constexpr uint64_t kApplyBudgetBytesBesideWriters = 64 << 10;
// Limits of the complete batches of one sender that are kept while one of them is held, for example
// for missing changes or a migration: their number, and their bytes in memory and in spools. What
// does not fit is read again from the log.
constexpr size_t kMaxHeldOfSender = 256;
constexpr uint64_t kMaxHeldBytesOfSender = 16 << 20;
// Limits of all held batches: their number, and the bytes of them in memory rather than in spools.
// Beyond them, a sender that waits keeps no more than it has; one that does not still gets one in.
constexpr size_t kMaxHeldBatches = 4'096;
constexpr size_t kMaxHeldMemory = 64 << 20;
// Batches that are not judged yet, beyond which nothing more is read.
constexpr size_t kMaxFreshBatches = 2'048;
constexpr size_t kMaxFreshMemory = 32 << 20;
// Time between two searches for conflicts that are too old, if none is added meanwhile.
constexpr int64_t kTrimConflictsMs = 3'600'000;
// Time between two heartbeats of a node.
constexpr int64_t kHeartbeatMs = 2'000;
// A running node is heard within this time: three heartbeats, and a second for connecting after the
// NATS server was started again.
constexpr int64_t kListenMs = 3 * kHeartbeatMs + 1'000;
// How long the registry must have been watched without a break before a silent node is evicted.
constexpr int64_t kListenBeforeEvictingMs = 30'000;
// Tombstones that are forgotten in one write transaction.
constexpr int64_t kCollectChunk = 512;
// Rows from before HarmonyLite that a merge takes from a snapshot in one write transaction.
constexpr size_t kOldRowsChunk = 256;
// Time between two searches for tombstones that may be forgotten.
constexpr int64_t kCollectMs = 1'000;
// Time between two counts of all tombstones, which the metrics show.
constexpr int64_t kCountTombstonesMs = 60'000;
// How many times within an eviction horizon the time when a member was last heard is written down.
constexpr int64_t kHeardWritesInHorizon = 16;
// How long this node must be behind without progress before it asks another node for repair.
constexpr int64_t kRepairPatienceMs = 3'000;
// How long no other node must be heard, while changes are missing, before a snapshot is looked for.
constexpr int64_t kAlonePatienceMs = 10'000;
// Time between two looks for a snapshot that helps, and how long the resyncer waits for a snapshot
// that contains everything that is here before it takes one that does not.
constexpr int64_t kResyncRetryMs = 5'000;
constexpr int64_t kWholeSnapshotPatienceMs = 60'000;
// How long a snapshot that cannot be read is left alone, which is also the first pause between two
// requests for another snapshot while new ones cannot be read either. The pause doubles up to the
// second value.
constexpr int64_t kUnreadableMs = 30'000;
constexpr int64_t kUnreadableMostMs = 1'800'000;
// Pause between two requests for another snapshot after one could not be merged: it doubles from
// the first value up to the second.
constexpr int64_t kUnmergedRetryMs = 60'000;
constexpr int64_t kUnmergedMostMs = 3'600'000;
// The same request for repair is not answered again within this time.
constexpr int64_t kRepairRepeatMs = 10'000;
// How long another node must have had tables, and this node none, before this node joins again.
constexpr int64_t kTablesPatienceMs = 5'000;
// A node that was not heard for this long counts as absent: it is not asked for anything.
constexpr int64_t kPeerSilentMs = 10'000;

// The snapshot keeper's times between two looks at the lease and at requests, and at the length of
// the log; and the snapshot maker's time between two looks into the store.
constexpr int64_t kSnapshotStepMs = 1'000;
constexpr int64_t kSnapshotLogLookMs = 2'000;
constexpr int64_t kSnapshotLookMs = 60'000;
// Pause after a failed snapshot: it doubles with each failure in a row, up to the second value.
// After so many failures in a row this node lets another one try.
constexpr int64_t kSnapshotRetryMs = 2'000;
constexpr int64_t kSnapshotMaxRetryMs = 60'000;
constexpr int64_t kSnapshotMaxFailures = 3;
// A finished snapshot that waits to be stored is given up if the log takes none of this node's
// changes for this long.
constexpr int64_t kSnapshotPublishMs = 30'000;
// A node that is behind, or failed, takes the lease only after this many times the lease's time to
// live without being fit.
constexpr int64_t kSnapshotUnfitTtls = 4;

}  // namespace harmonylite::node
