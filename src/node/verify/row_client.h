// Asks the running nodes about their rows, through the registry, and waits for their answers. Used
// by `harmonylite verify` and by the first join.
//
// Threads: one.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "node/cluster/heartbeat.h"
#include "node/verify/verify_replies.h"
#include "ports/meta_store.h"

namespace harmonylite::node {

struct LiveNodes {
  std::set<NodeId> live;
  std::map<NodeId, int64_t> away;  // milliseconds since each was last heard
};

class RowClient {
 public:
  // `store` and `clock` outlive the client. `pause` waits about ten milliseconds; if it returns
  // false, the client gives up. `letter` begins the ids of its requests (docs/formats/verify.md).
  RowClient(ports::MetaStore* store, const Clock* clock, char letter, uint64_t seed,
            std::function<bool()> pause);

  // Reads all heartbeats and tells the running nodes from the silent ones.
  Result<LiveNodes> Nodes();
  // Asks `nodes` and waits. A node that does not begin to answer within seconds is absent from the
  // result. kRetryLater: the registry is out of reach, or `pause` gave up.
  Result<std::map<NodeId, VerifyAnswer>> Ask(VerifyRequest request, const std::set<NodeId>& nodes);
  // Waits for `time`. kRetryLater: `pause` gave up.
  Status Wait(std::chrono::milliseconds time);

 private:
  ports::MetaStore* store_;
  const Clock* clock_;
  char letter_;
  std::mt19937_64 random_;
  std::function<bool()> pause_;
};

}  // namespace harmonylite::node
