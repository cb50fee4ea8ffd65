// One node at a time does a job: a key in the registry that its holder keeps rewriting.
//
// No clock is compared with another's: a lease is free when its entry has not changed for the time
// to live, by the monotonic clock of whoever looks; its holder counts from before its own last
// write, and so gives up first. Two holders are possible all the same when the registry is wiped:
// the job must bear it.
//
// Threads: one owner at a time.
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
    int64_t ttl_ms = 30'000;
    NodeId node;
    uint64_t session = 0;  // of this process
  };
  Lease(ports::MetaStore* store, const Clock* clock, Options options);

  // Takes the lease when it is free and `willing`, or renews it when that is due or `note` has
  // changed. Returns whether it is held. A note is shown to whoever looks: one line.
  Result<bool> Step(bool willing, std::string_view note);
  bool held() const;
  // Frees it for others, at once if the registry can be reached.
  void Release();

  // The note of the present entry; kNotFound: nobody holds it.
  static Result<std::string> NoteOf(ports::MetaStore* store, const std::string& key);

 private:
  std::string Value(std::string_view note) const;
  Result<bool> Take(std::string_view note, uint64_t revision);
  Result<bool> Renew(std::string_view note);

  ports::MetaStore* store_;  // not owned
  const Clock* clock_;       // not owned
  const Options options_;
  bool held_ = false;
  uint64_t revision_ = 0;  // of our entry while held; else of the one last seen
  int64_t since_ms_ =
      0;  // monotonic: before our last write while held; else when that was seen first
  std::string note_;
};

}  // namespace harmonylite::node
