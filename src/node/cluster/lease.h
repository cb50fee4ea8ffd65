// A lease: a key in the registry by which one node at a time does a job, for example making
// snapshots. The holder keeps rewriting the entry.
//
// The clocks of two nodes are never compared. To another node, the lease is free when that node's
// own monotonic clock has seen the entry unchanged for the time to live. The holder counts the same
// time from before its last successful write, so it gives up before any other node may take the
// lease. If the registry is wiped there can still be two holders: the job must tolerate that.
//
// Threads: one owner at a time; in production the keeper thread, through SnapshotKeeper.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "ports/meta_store.h"

namespace harmonylite::node {

class Lease {
 public:
  struct Options {
    std::string key;
    int64_t ttl_ms = 30'000;  // the time to live: an entry unchanged for this long is free
    NodeId node;
    uint64_t session = 0;  // the session of this process (NewSession)
  };
  Lease(ports::MetaStore* store, const Clock* clock, Options options);

  // If the lease is held, renews it when a third of its time to live has passed or `note` has
  // changed. If it is free, takes it, provided that this node is `willing`. Returns whether the
  // lease is held now. `note` is one line that is stored in the entry; any node can read it with
  // NoteOf().
  Result<bool> Step(bool willing, std::string_view note);
  // True if this process holds the lease and its time to live has not passed.
  bool held() const;
  // Gives the lease up. Other nodes may take it at once if the registry can be reached, and
  // otherwise when its time to live has passed.
  void Release();

  // The note in the present entry of the lease `key`. kNotFound: there is no entry, so no node
  // holds the lease.
  static Result<std::string> NoteOf(ports::MetaStore* store, const std::string& key);

 private:
  std::string Value(std::string_view note) const;
  Result<bool> Take(std::string_view note, uint64_t revision);
  Result<bool> Renew(std::string_view note);

  ports::MetaStore* store_;  // not owned
  const Clock* clock_;       // not owned
  const Options options_;
  bool held_ = false;
  // Revision of this process's entry while the lease is held; otherwise of the entry seen last.
  uint64_t revision_ = 0;
  // Monotonic time just before this process's last write while the lease is held; otherwise when
  // `revision_` was first seen.
  int64_t since_ms_ = 0;
  std::string note_;  // the note that this process wrote last
};

}  // namespace harmonylite::node
