// The answer to a health check: status 200 while changes flow both ways, otherwise 503 and the
// reasons. P7: what holds changes up raises an alarm here.
//
// Threads: any; pure functions.
#pragma once

#include <string>

#include "ops/node_status.h"

namespace harmonylite::ops {

struct HealthAnswer {
  int http_status = 200;
  std::string body;  // JSON, or empty if no details are wanted
};

// A node is unhealthy if NATS is out of reach, if the database cannot be written, if the next
// changes cannot be taken, if rows diverge, if the first join is not settled or a resync fails, or
// if changes of another node wait for the operator (because of a different schema, a clock or a
// constraint). A node that is only behind is healthy, because that passes by itself, and so is one
// with a hook that fails: changes flow.
HealthAnswer AnswerHealth(const NodeStatus& status, bool detailed);

}  // namespace harmonylite::ops
