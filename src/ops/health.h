// The health answer: 200 while changes flow both ways, else 503 and why. Pure.
#pragma once

#include <string>

#include "ops/node_status.h"

namespace harmonylite::ops {

struct HealthAnswer {
  int http_status = 200;
  std::string body;  // JSON, or empty when not detailed
};

// Unhealthy: NATS is away, the database cannot be written, or changes of another node wait for the operator (a schema
// that differs, a clock, a constraint). Being behind is not: that passes by itself.
HealthAnswer AnswerHealth(const NodeStatus& status, bool detailed);

}  // namespace harmonylite::ops
