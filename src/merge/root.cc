#include "merge/root.h"

namespace harmonylite::merge {

// The first loop shows waiting rows and runs over the rows that it appends itself, so chains and
// circles are shown as a whole. The second phase hides orphans. A row that was already in the list
// when Root began was written, so it may have stopped being a parent even if it is not hidden; rows
// that only the first loop has shown have no children to lose unless they are hidden again.
Status Root(ReferenceStage* stage) {
  const size_t written = stage->Count();
  for (size_t row = 0; row < stage->Count(); ++row) HL_TRY(stage->ShowWaiting(row));
  size_t row = 0;
  do {
    for (; row < stage->Count(); ++row) {
      HL_ASSIGN(const bool hidden, stage->HideOrphan(row));
      if (hidden || row < written) HL_TRY(stage->AddBereaved(row));
    }
    HL_TRY(stage->Search());
  } while (row < stage->Count());
  return Ok();
}

}  // namespace harmonylite::merge
