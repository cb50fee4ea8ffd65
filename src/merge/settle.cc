#include "merge/settle.h"

#include <algorithm>
#include <queue>

#include "base/mutant.h"

namespace harmonylite::merge {

namespace {

struct Older {
  bool operator()(const Contender& a, const Contender& b) const {
    return HL_MUTANT(settle_oldest_first) ? b.version < a.version : a.version < b.version;
  }
};
using Queue = std::priority_queue<Contender, std::vector<Contender>, Older>;

// `row` is newer than all its holders: they give way, and what they blocked has to be looked at again. All of
// that is older than `row`, so going from new to old looks at nothing too early.
Status Displace(const Contender& row, const std::vector<Contender>& holders, UniqueStage* stage,
                Queue* queue) {
  for (const Contender& holder : holders) {
    HL_TRY(stage->Hide(holder.row, row.row));
    HL_ASSIGN(const std::vector<Contender> freed, stage->BlockedBy(holder.row));
    if (HL_MUTANT(freed_not_looked_at)) continue;
    for (const Contender& one : freed) queue->push(one);
  }
  HL_ASSIGN(const Shown shown, stage->Show(row.row));
  if (shown != Shown::kYes)
    return MakeError(ErrorCode::kConflict, "a row whose unique values are free cannot be shown");
  return Ok();
}

}  // namespace

Status Settle(std::vector<Contender> pending, UniqueStage* stage) {
  Queue queue(Older{}, std::move(pending));
  while (!queue.empty()) {
    const Contender row = queue.top();
    queue.pop();
    HL_ASSIGN(const Shown shown, stage->Show(row.row));
    if (shown == Shown::kYes) continue;
    std::vector<Contender> holders;
    if (shown == Shown::kTaken) {
      HL_ASSIGN(holders, stage->Holders(row.row));
    }
    if (holders.empty()) {
      // Refused by something else. Kept, and looked at again when it is written or the schema changes: it
      // blocks itself.
      HL_TRY(stage->Hide(row.row, row.row));
      continue;
    }
    const Contender& newest = *std::max_element(holders.begin(), holders.end(), Older{});
    if (row.version <= newest.version || HL_MUTANT(first_come_keeps_unique))
      HL_TRY(stage->Hide(row.row, newest.row));
    else
      HL_TRY(Displace(row, holders, stage, &queue));
  }
  return Ok();
}

}  // namespace harmonylite::merge
