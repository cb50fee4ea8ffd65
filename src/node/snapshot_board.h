// What SnapshotKeeper, which decides when a snapshot is made, and SnapshotMaker, which makes it,
// tell each other and the metrics: small facts behind one mutex.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "snapshot/activity.h"
#include "snapshot/catalog.h"

namespace harmonylite::node {

// The newest snapshot in the store, as far as this node knows.
struct KnownSnapshot {
  std::string name;
  snapshot::Manifest manifest;
};

class SnapshotBoard {
 public:
  // Asks the maker for a snapshot; `reason` is for the node's log. A snapshot that is being made
  // already does not satisfy the request, because it began too early.
  void Want(std::string reason);
  // Called by the maker: takes the request, if there is one, and returns its reason. A call of Done
  // or Failed must follow.
  std::optional<std::string> Take();
  void Done(KnownSnapshot made);
  void Failed(std::string error);
  // Makes the maker give up the snapshot at hand soon, and withdraws the request that waits.
  void Cancel();
  // True if a snapshot is requested or being made.
  bool busy() const;
  // How many times Done and Failed were called.
  int64_t done() const;
  int64_t failed() const;
  // The error of the newest attempt; empty: the attempt succeeded, or there was none.
  std::string last_error() const;

  // Called by the maker after each look into the store.
  void SetNewest(std::optional<KnownSnapshot> newest);
  // False until the maker has looked once.
  bool looked() const;
  std::optional<KnownSnapshot> newest() const;

  // Whether this node holds the lease for making snapshots.
  void SetLeading(bool leading);
  bool leading() const;

  // The progress of the snapshot at hand.
  snapshot::Activity& activity() { return activity_; }
  const snapshot::Activity& activity() const { return activity_; }

 private:
  mutable std::mutex mutex_;  // guards all other members but activity_
  std::optional<std::string> wanted_;
  bool making_ = false;
  int64_t done_ = 0;
  int64_t failed_ = 0;
  std::string last_error_;
  bool looked_ = false;
  std::optional<KnownSnapshot> newest_;
  bool leading_ = false;
  snapshot::Activity activity_;  // consists of atomics
};

}  // namespace harmonylite::node
