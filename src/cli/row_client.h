// Asks the running nodes about their rows, through the registry, and waits for their answers.
//
// Threads: one.
#pragma once

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "log/meta_store.h"
#include "node/heartbeat.h"
#include "node/verify_wire.h"

namespace harmonylite::cli {

// The NATS server that the node of this configuration uses: also an embedded one, while it runs.
Result<std::vector<std::string>> ServerUrls(const config::Config& config);

struct LiveNodes {
  std::set<NodeId> live;
  std::map<NodeId, int64_t> away;  // milliseconds since they were last heard of
};

class RowClient {
 public:
  // `store` and `clock` outlive it.
  RowClient(log::MetaStore* store, const Clock* clock);

  Result<LiveNodes> Nodes();
  // Asks `nodes` and waits; those that do not begin to answer within seconds are missing from the replies.
  Result<std::map<NodeId, node::VerifyAnswer>> Ask(node::VerifyRequest request, const std::set<NodeId>& nodes);

 private:
  log::MetaStore* store_;
  const Clock* clock_;
  std::mt19937_64 random_;
};

}  // namespace harmonylite::cli
