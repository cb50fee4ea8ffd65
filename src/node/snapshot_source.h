// Where a node that is too far behind finds a snapshot: snapshots in a store in production, a simulated one in
// tests/sim.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "change/version.h"
#include "sqlite/connection.h"

namespace harmonylite::node {

// A snapshot that was fetched and checked, as a database of its own. Gone with this object.
class OpenSnapshot {
 public:
  virtual ~OpenSnapshot() = default;
  virtual sqlite::Connection* db() = 0;
};

struct SnapshotInfo {
  std::string name;
  change::ProgressVector progress;  // what is in it
};

// How far the newest stamp that is known in a snapshot is in the future, in ms; not positive: it is not. What counts as too
// far in a batch (HoldKind::kClock) does so in a snapshot: whoever took it would give such stamps itself from then on.
Result<int64_t> MsAhead(sqlite::Connection* snapshot, const Clock& clock);

// Threads: one call at a time.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // Those that can be used, newest first. Errors: as of ports::ObjectStore.
  virtual Result<std::vector<SnapshotInfo>> List() = 0;
  // Fetches and checks one of those listed last, which takes long. kRetryLater: it cannot be read
  // now, while others perhaps can. Other errors: kNotFound, kCorruption.
  virtual Result<std::shared_ptr<OpenSnapshot>> Open(const std::string& name) = 0;
  // Asks the others for one that is newer than now, in the name of the node that needs it.
  virtual Status Ask(NodeId asker) = 0;
};

}  // namespace harmonylite::node
