#include "node/snapshot_source.h"

#include "capture/journal.h"

namespace harmonylite::node {

Result<int64_t> MsAhead(sqlite::Connection* snapshot, const Clock& clock) {
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(snapshot));
  return HlcMillis(end.stamp) - clock.WallMs();
}

}  // namespace harmonylite::node
