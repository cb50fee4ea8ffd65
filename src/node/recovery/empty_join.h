// How a node without a database becomes a full replica, before it opens one: from the newest snapshot that can be
// used, else from one that a live node is asked for, else it starts empty. No entry in the registry
// is not nobody: it may have been emptied just now, so the node listens first (decision 31).
//
// Threads: one owner at a time. A step may take as long as a snapshot is large; activity() is watched, and cancelled,
// by others.
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
    snapshot::Options options;  // db_path can become a replica (snapshot/restore.h)
    NodeId self;                // its own old heartbeats count for nothing
    int64_t leader_ttl_ms = 30'000;
    int64_t max_clock_skew_ms = 60'000;
    // No other node can reach this registry: where it has no entry, nobody is listened for.
    bool alone = false;
    // Attaches to the empty file, so that what an application writes while others are listened for
    // is captured.
    std::function<Status()> attach;
  };
  explicit EmptyJoin(Dependencies dependencies);

  enum class Outcome {
    kWaiting,     // step again, a little later
    kRestored,    // the file is a snapshot; a node that opens it adopts it
    // There is nobody to learn from, nobody answered, or the application has made its tables.
    kStartEmpty,
  };
  // An error is the operator's to settle: wrong credentials, for example.
  Result<Outcome> Step();
  snapshot::Activity& activity() { return activity_; }
  // What is waited for, for the operator.
  const std::string& waiting_for() const { return waiting_for_; }

 private:
  Result<Outcome> TrySnapshots();
  // True: it is restored. False: it is damaged, cannot be read now, or its stamps are too far in
  // the future.
  Result<bool> TryOne(const snapshot::Listed& listed);
  Status PassOver(const snapshot::Listed& listed, Error why);
  Result<Outcome> AskForOne();
  // Whether a node that has tables lives, or has not had the time yet to be heard.
  Result<bool> MayHearTables();
  Outcome StartEmpty(std::string_view why);
  Outcome LeaveToApplication();
  Result<Outcome> Later(const Error& error);

  Dependencies d_;
  snapshot::Catalog catalog_;
  snapshot::Activity activity_;
  std::set<std::string> refused_;                // snapshots that turned out to be damaged
  std::map<std::string, int64_t> early_;         // not to be used before this wall clock, ms
  UnreadableSnapshots unreadable_;
  std::string unread_;  // one that may be good and cannot be read now; empty: there is none
  std::map<std::string, uint64_t> revisions_;    // of heartbeats of nodes with tables
  int64_t began_ms_;                             // monotonic, as all here
  std::optional<int64_t> listens_since_ms_;      // since when the registry has always answered
  std::optional<int64_t> alive_ms_;              // when a node with tables was last heard
  std::optional<int64_t> reached_ms_;            // when store and registry last answered
  std::optional<int64_t> maker_ms_;              // when somebody was last seen to hold the lease
  bool asked_ = false;
  bool attached_ = false;
  std::string waiting_for_;
};

}  // namespace harmonylite::node
