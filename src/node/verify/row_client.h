// Asks the running nodes about their rows, through the registry, and waits for their answers.
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
#include "node/verify/verify_wire.h"
#include "ports/meta_store.h"

namespace harmonylite::node {

struct LiveNodes {
  std::set<NodeId> live;
  std::map<NodeId, int64_t> away;  // milliseconds since they were last heard of
};

class RowClient {
 public:
  // `store` and `clock` outlive it. `pause` waits some ten milliseconds; false: give up. `letter`: first of the
  // ids of its requests.
  RowClient(ports::MetaStore* store, const Clock* clock, char letter, uint64_t seed, std::function<bool()> pause);

  Result<LiveNodes> Nodes();
  // Asks `nodes` and waits; those that do not begin to answer within seconds are missing from the replies.
  // kRetryLater: the registry is out of reach, or `pause` gave up.
  Result<std::map<NodeId, VerifyAnswer>> Ask(VerifyRequest request, const std::set<NodeId>& nodes);
  // Lets so much time pass. kRetryLater: `pause` gave up.
  Status Wait(std::chrono::milliseconds time);

 private:
  ports::MetaStore* store_;
  const Clock* clock_;
  char letter_;
  std::mt19937_64 random_;
  std::function<bool()> pause_;
};

}  // namespace harmonylite::node
