// What a node needs to know to run, and the named limits of its workers.
#pragma once

#include <cstdint>
#include <string>

#include "base/spool.h"
#include "schema/schema.h"
#include "snapshot/strip.h"

namespace harmonylite::node {

// When this node makes snapshots, if it is the one that does.
struct SnapshotPolicy {
  int64_t interval_ms = 0;         // 0: only when somebody asks, and before the log forgets
  int64_t leader_ttl_ms = 30'000;  // a node that is silent for this long leads no more
  int64_t max_entries = 1'000'000;  // that the log keeps
  int keep = 3;                     // snapshots; older ones are removed
};

struct NodeOptions {
  std::string db_path;
  std::string spool_directory;  // for batches too large for memory
  size_t spool_memory = Spool::kDefaultMemoryLimit;  // of a batch that arrives; a larger one is too large
  std::string vfs;              // SQLite's; empty for the default
  bool publish = true;
  bool replicate = true;
  bool compress = true;
  int64_t max_clock_skew_ms = 60'000;
  // Longest time between writes of confirmed work (fold, trim, cursor) while the application is busy.
  int64_t cleanup_interval_ms = 5'000;
  // Between looks at the database where no file event comes; 0: the default.
  int64_t polling_interval_ms = 0;
  // Changes in one batch, where it can be cut between transactions: at least, while the log answers quickly, and at
  // most. Small batches keep locks short on other nodes; large ones make good for a slow line.
  int64_t min_batch_changes = 1'024;
  int64_t max_batch_changes = 100'000;
  // What is kept of writes that lost.
  int64_t conflicts_max_rows = 100'000;
  int64_t conflicts_max_age_ms = int64_t{30} * 24 * 3'600'000;
  // Between background comparisons with the other nodes; 0: none.
  int64_t verify_interval_ms = 600'000;
  // A file that has rows at its first attach is compared with the cluster before anything is sent or applied.
  bool compare_first = false;
  // A node that is silent for longer is no longer waited for: then it needs a snapshot when it comes back.
  int64_t eviction_horizon_ms = int64_t{7} * 24 * 3'600'000;
  // Tombstones are forgotten only where snapshots are made: who is too far behind needs one.
  bool collect_tombstones = false;
  schema::LoadOptions tables;
  snapshot::LeavesOut leaves_out;  // of snapshots
  SnapshotPolicy snapshots;
};

// Rows' bytes in one frame are at most this, and less where the log takes less.
constexpr size_t kMaxFrameBody = 1 << 20;
// Journal entries folded or trimmed in one write transaction: about a millisecond of lock.
constexpr int64_t kFoldChunk = 512;
constexpr int64_t kTrimChunk = 4'096;
// A journal longer than this is folded and trimmed even while the application writes.
constexpr int64_t kMaxJournal = 4'000'000;
// Bytes of batches applied in one transaction; a single larger batch is still one transaction.
constexpr uint64_t kApplyBudgetBytes = 256 << 10;
// … while the application writes too.
constexpr uint64_t kApplyBudgetBytesBesideWriters = 64 << 10;
// Complete batches that wait (for causes, a migration, …) in memory or spools.
constexpr size_t kMaxHeldBatches = 4'096;
constexpr size_t kMaxHeldMemory = 64 << 20;
// Between looks for conflicts that are too old, when none is added.
constexpr int64_t kTrimConflictsMs = 3'600'000;
constexpr int64_t kHeartbeatMs = 2'000;
// How long the registry must have been watched without a break before a silent node is evicted.
constexpr int64_t kListenBeforeEvictingMs = 30'000;
// Tombstones forgotten in one write transaction, and between looks for some.
constexpr int64_t kCollectChunk = 512;
// Rows from before HarmonyLite added in one write transaction.
constexpr size_t kOldRowsChunk = 256;
constexpr int64_t kCollectMs = 1'000;
// Between counts of all tombstones, for the metric.
constexpr int64_t kCountTombstonesMs = 60'000;
// When a member was last heard is written down this often within a horizon.
constexpr int64_t kHeardWritesInHorizon = 16;
// How long this node must be behind without moving before it asks for repair.
constexpr int64_t kRepairPatienceMs = 3'000;
// How long nobody must be there who could be asked before a snapshot is looked for.
constexpr int64_t kAlonePatienceMs = 10'000;
// Between looks for a snapshot that helps, and how long one is waited for that has all that is here.
constexpr int64_t kResyncRetryMs = 5'000;
constexpr int64_t kWholeSnapshotPatienceMs = 60'000;
// How long a snapshot that cannot be read is left alone; between two questions for another while
// new ones cannot be read either, twice as long each time, from the first to the last.
constexpr int64_t kUnreadableMs = 30'000;
constexpr int64_t kUnreadableMostMs = 1'800'000;
// Between two questions for another snapshot where one cannot be merged: twice as long each time, from the first to the last.
constexpr int64_t kUnmergedRetryMs = 60'000;
constexpr int64_t kUnmergedMostMs = 3'600'000;
// The same request is not answered again within this time.
constexpr int64_t kRepairRepeatMs = 10'000;
// How long tables must be elsewhere only before a node without any joins again.
constexpr int64_t kTablesPatienceMs = 5'000;
// A node not heard of for this long is not asked for anything.
constexpr int64_t kPeerSilentMs = 10'000;

// Between looks at the lease and at requests for snapshots, at the log's length, and into the store.
constexpr int64_t kSnapshotStepMs = 1'000;
constexpr int64_t kSnapshotLogLookMs = 2'000;
constexpr int64_t kSnapshotLookMs = 60'000;
// After a failure, doubled with each further one; after so many in a row another node may try.
constexpr int64_t kSnapshotRetryMs = 2'000;
constexpr int64_t kSnapshotMaxRetryMs = 60'000;
constexpr int64_t kSnapshotMaxFailures = 3;
// One that is made is given up when the log has taken nothing of ours for so long.
constexpr int64_t kSnapshotPublishMs = 30'000;
// A node that is behind, or failed, leads only if the lease was free for so many times its time to live.
constexpr int64_t kSnapshotUnfitTtls = 4;

}  // namespace harmonylite::node
