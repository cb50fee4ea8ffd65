#include "merge/settle.h"

#include <algorithm>
#include <queue>

#include "base/mutant.h"

namespace harmonylite::merge {

namespace {

// Orders the queue so that its top is the newest row.
struct Older {
  bool operator()(const Contender& a, const Contender& b) const {
    return HL_MUTANT(settle_oldest_first) ? b.version < a.version : a.version < b.version;
  }
};
using Queue = std::priority_queue<Contender, std::vector<Contender>, Older>;

// Shows `row`, which is newer than all rows that hold its values. The holders give way, and the
// rows that they blocked are queued. All of these are older than `row`, so taking rows from the
// newest to the oldest decides none before a row that it depends on.
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

// Takes pending rows from the newest to the oldest. A row that can be shown is shown. A row that
// clashes with a newer visible row is shadowed, with the newest holder of its values as its
// blocker. A row that is newer than all its holders takes their place. A row may be queued twice;
// the second look then comes to the same result.
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
      // No row is in its way, so something else refuses the row. It is kept in the shadow table,
      // with itself as its blocker, and is looked at again when it is written or the schema
      // changes.
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
