// What the two halves of making snapshots tell each other, and others: small facts behind one mutex.
//
// Threads: every method may be called from any thread.
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
  // Asks the maker for a snapshot; `reason` is for the log. One that is being made began too early to count.
  void Want(std::string reason);
  // For the maker: the reason, if one is wanted. Done, or Failed, must follow.
  std::optional<std::string> Take();
  void Done(KnownSnapshot made);
  void Failed(std::string error);
  // Ends what is being made, soon, and forgets what is wanted.
  void Cancel();
  // One is wanted or being made.
  bool busy() const;
  // How often Done and Failed were called.
  int64_t done() const;
  int64_t failed() const;
  // Of the newest attempt; empty: it succeeded, or there was none.
  std::string last_error() const;

  // The maker looked into the store.
  void SetNewest(std::optional<KnownSnapshot> newest);
  // False until the maker has looked once.
  bool looked() const;
  std::optional<KnownSnapshot> newest() const;

  // This node holds the lease.
  void SetLeading(bool leading);
  bool leading() const;

  // Of the work at hand.
  snapshot::Activity& activity() { return activity_; }
  const snapshot::Activity& activity() const { return activity_; }

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::optional<std::string> wanted_;
  bool making_ = false;
  int64_t done_ = 0;
  int64_t failed_ = 0;
  std::string last_error_;
  bool looked_ = false;
  std::optional<KnownSnapshot> newest_;
  bool leading_ = false;
  snapshot::Activity activity_;  // has its own atomics
};

}  // namespace harmonylite::node
