// Times as tables show them.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string>

namespace harmonylite::cli {

// Returns "2026-11-30 01:37:51", UTC, of milliseconds since 1970.
std::string TimeText(int64_t wall_ms);

// Returns how long a time is in its greatest useful unit: "90 s", "5 min", "3 h", "2 days".
std::string DurationText(int64_t ms);

}  // namespace harmonylite::cli
