// Handles what concerns more than one key: defaults that depend on other keys, contradictions, and
// advice.
//
// Threads: pure functions, except that FillIn() reads the environment.
#pragma once

#include "config/config.h"
#include "config/reader.h"

namespace harmonylite::config {

// Fills in the defaults that depend on other keys or, for S3 credentials and region, on the
// environment.
void FillIn(const Findings& findings, Config* config);
// Adds an error for each value or combination of values that cannot work.
void CheckTogether(const Config& config, Findings* findings);
// Adds warnings about a configuration that works, but perhaps not as the operator expects.
void Warn(const Config& config, Findings* findings);

}  // namespace harmonylite::config
