#include "snapshot/activity.h"

namespace harmonylite::snapshot {

const char* PhaseText(Phase phase) {
  switch (phase) {
    case Phase::kWaiting:
      return "waiting";
    case Phase::kCopying:
      return "copying the database";
    case Phase::kPacking:
      return "packing";
    case Phase::kSending:
      return "sending";
    case Phase::kStoring:
      return "packing and sending";
    case Phase::kFetching:
      return "fetching";
    case Phase::kUnpacking:
      return "unpacking";
    case Phase::kChecking:
      return "checking";
    case Phase::kRestoring:
      return "restoring";
  }
  return "";
}

}  // namespace harmonylite::snapshot
