// The metrics page, in the text format of Prometheus (version 0.0.4).
//
// Threads: any; pure functions.
#pragma once

#include <string>

#include "ops/node_status.h"

namespace harmonylite::ops {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// Names of metrics begin with "<name_space>_<subsystem>_"; either part may be empty.
std::string MetricsPage(const NodeStatus& status, const std::string& name_space,
                        const std::string& subsystem);

}  // namespace harmonylite::ops
