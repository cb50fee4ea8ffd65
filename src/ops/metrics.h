// The metrics page, in Prometheus' text format (version 0.0.4). Pure.
#pragma once

#include <string>

#include "ops/node_status.h"

namespace harmonylite::ops {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// Names begin with "<name_space>_<subsystem>_"; either may be empty.
std::string MetricsPage(const NodeStatus& status, const std::string& name_space,
                        const std::string& subsystem);

}  // namespace harmonylite::ops
