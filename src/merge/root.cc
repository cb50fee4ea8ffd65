#include "merge/root.h"

namespace harmonylite::merge {

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
