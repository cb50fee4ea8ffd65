// What follows from more than one key: defaults that depend on others, contradictions, advice.
#pragma once

#include "config/config.h"
#include "config/reader.h"

namespace harmonylite::config {

// Fills in what depends on other keys or, for S3 credentials, on the environment.
void FillIn(const Findings& findings, Config* config);
// Adds an error for each value or combination that cannot work.
void CheckTogether(const Config& config, Findings* findings);
// Adds what the operator should know about a configuration that does work.
void Warn(const Config& config, Findings* findings);

}  // namespace harmonylite::config
