// Of what and when this program was built. cmake/BuildInfo.cmake writes the values, into the
// program and not into a library.
//
// Threads: a constant.
#pragma once

namespace harmonylite::cli {

struct BuildInfo {
  const char* commit;    // "unknown" if the sources were not in a git repository
  const char* date;      // the day, UTC, as 2026-11-30
  const char* compiler;  // its name and version
};

extern const BuildInfo kBuildInfo;

}  // namespace harmonylite::cli
