// The bootstrap: how a node without a database becomes a replica before it opens one. It takes the
// newest usable snapshot; if there is none, it asks a running node for one and waits; if no node
// with tables is heard, it starts empty.
//
// An empty registry does not prove that nobody is there, because it may have been emptied a moment
// ago. The node therefore listens for kListenMs before it concludes that it is alone (decision 31).
//
// Threads: one owner at a time. A step takes longer the larger the snapshot is; other threads may
// watch and cancel it through activity().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/logger.h"
#include "node/recovery/unreadable_snapshots.h"
#include "ports/meta_store.h"
#include "ports/object_store.h"
#include "snapshot/activity.h"
#include "snapshot/catalog.h"
#include "snapshot/make.h"

namespace harmonylite::node {

class EmptyJoin {
 public:
  struct Dependencies {
    ports::ObjectStore* store;
    ports::MetaStore* meta;
    const Clock* clock;
    Logger* logger;
    // CanBecomeReplica(options.db_path) must hold (snapshot/restore.h).
    snapshot::Options options;
    // Heartbeats of this node id are left over from an earlier process and are ignored.
    NodeId self;
    int64_t leader_ttl_ms = 30'000;
    int64_t max_clock_skew_ms = 60'000;
    // True: no other node can reach this registry, so an empty one proves that this node is alone.
    bool alone = false;
    // Attaches to the empty file, so that what an application writes while this node listens for
    // others is captured.
    std::function<Status()> attach;
  };
  explicit EmptyJoin(Dependencies dependencies);

  enum class Outcome {
    kWaiting,  // step again, a little later
    // The file is a restored snapshot; the node that opens it adopts it.
    kRestored,
    // No node with tables was heard, none that was heard makes snapshots, the cluster is out of
    // reach, or the application has made tables in the file.
    kStartEmpty,
  };
  // Does one round: looks for a usable snapshot and restores it, or asks for one. An error is one
  // that only the operator can remove, such as wrong credentials.
  Result<Outcome> Step();
  snapshot::Activity& activity() { return activity_; }
  // What the last step waits for, for the operator.
  const std::string& waiting_for() const { return waiting_for_; }

 private:
  Result<Outcome> TrySnapshots();
  // True: the snapshot is restored. False: it is damaged, cannot be read now, or its stamps are too
  // far in the future.
  Result<bool> TryOne(const snapshot::Listed& listed);
  // Makes later steps pass over a snapshot that could not be opened; an error if this node was told
  // to end.
  Status PassOver(const snapshot::Listed& listed, Error why);
  Result<Outcome> AskForOne();
  // True if a node with tables is running, or has not had the time yet to be heard.
  Result<bool> MayHearTables();
  Outcome StartEmpty(std::string_view why);
  Outcome LeaveToApplication();
  Result<Outcome> Later(const Error& error);

  Dependencies d_;
  snapshot::Catalog catalog_;
  snapshot::Activity activity_;
  std::set<std::string> refused_;  // snapshots that turned out to be damaged
  // Snapshots with stamps from the future, and the wall clock time in ms before which each is not
  // used.
  std::map<std::string, int64_t> early_;
  UnreadableSnapshots unreadable_;
  // Name of a snapshot that may be good and cannot be read now; empty: there is none.
  std::string unread_;
  // Revisions of the heartbeats of nodes with tables, by registry key.
  std::map<std::string, uint64_t> revisions_;
  // When this object was made; like all times below, in milliseconds of the monotonic clock.
  int64_t began_ms_;
  // Since when every call to the registry and the store has succeeded.
  std::optional<int64_t> listens_since_ms_;
  std::optional<int64_t> alive_ms_;    // when a node with tables was last heard
  std::optional<int64_t> reached_ms_;  // when store and registry last answered
  std::optional<int64_t> maker_ms_;    // when the lease was last seen to be held
  bool asked_ = false;
  bool attached_ = false;
  std::string waiting_for_;
};

}  // namespace harmonylite::node
