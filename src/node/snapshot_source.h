// Where a node that is too far behind finds snapshots: in production a store
// (node/recovery/stored_snapshots.h), in tests/sim a simulated one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "change/version.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

// A snapshot that was fetched and checked, as a private database. The database is deleted with this
// object.
class OpenSnapshot {
 public:
  virtual ~OpenSnapshot() = default;
  virtual sqlite::Connection* db() = 0;
};

struct SnapshotInfo {
  std::string name;
  change::ProgressVector progress;  // what the snapshot contains, per origin
};

// How many milliseconds the newest stamp in `snapshot` is ahead of the clock; zero or negative if
// it is not. A stamp that is too far ahead must keep a snapshot away as it keeps a batch away
// (HoldKind::kClock), because a node that took the snapshot would from then on give such stamps to
// its own changes.
Result<int64_t> MsAhead(sqlite::Connection* snapshot, const Clock& clock);

// Threads: one call at a time.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // The usable snapshots, newest first. Errors are those of ports::ObjectStore.
  virtual Result<std::vector<SnapshotInfo>> List() = 0;
  // Fetches and checks one of the snapshots that List() returned last, which takes longer the
  // larger it is. kRetryLater: this snapshot cannot be read now, but others perhaps can. Other
  // errors: kNotFound, kCorruption.
  virtual Result<std::shared_ptr<OpenSnapshot>> Open(const std::string& name) = 0;
  // Asks the other nodes, in the name of the node that needs it, for a snapshot newer than all that
  // exist.
  virtual Status Ask(NodeId asker) = 0;
};

}  // namespace harmonylite::node
