// The error for hidden tables that hold what HarmonyLite never writes there.
//
// The hidden tables lie in the application's file and in snapshots, so anybody may have written to
// them. What they say is input: an assertion about it would let a file end the process.
// Threads: a pure function.
#pragma once

#include <string_view>

#include "base/result.h"

namespace harmonylite::ledger {

inline Error Contradiction(std::string_view what) {
  return MakeError(ErrorCode::kCorruption,
                   "the tables of HarmonyLite contradict each other ({}): somebody else wrote to "
                   "them; stop harmonylite, run -cleanup and start it again",
                   what);
}

}  // namespace harmonylite::ledger
