// Settles foreign keys where orphans are hidden. Pure: a function of which rows refer to which.
//
// Among the rows that UNIQUE leaves (merge/settle.h), the visible ones are the greatest set in
// which every row that refers to a parent finds one in the set. The union of two such sets is such
// a set again, so there is exactly one greatest (P4). Rows that refer to each other in a circle, or
// to themselves, are in it. docs/convergence.md has the proof; the fixed point is that of Knaster
// and Tarski.
//
// Root keeps the set up to date in two phases. First, every orphan whose parent may have appeared
// is shown, and every orphan that waits for a row shown in this way; so a circle of rows finds
// itself complete. Then rows without a parent are hidden, until none is left.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace harmonylite::merge {

// The rows of all tables, and a list of the rows to look at. A row is named by its place in the
// list, counted from 0, and may be in the list several times.
class ReferenceStage {
 public:
  virtual ~ReferenceStage() = default;
  // Length of the list; it grows while Root runs.
  virtual size_t Count() const = 0;
  // If the row is visible, shows the hidden rows that wait for a parent with its values, and
  // appends them to the list.
  virtual Status ShowWaiting(size_t row) = 0;
  // If the row is visible and refers to a parent that is not visible, hides it until that parent
  // appears, and returns true.
  virtual Result<bool> HideOrphan(size_t row) = 0;
  // Called for a row that was written or has been hidden. Appends to the list the visible rows that
  // may have lost their parent with it, or remembers that they have to be searched for.
  virtual Status AddBereaved(size_t row) = 0;
  // Appends the rows that AddBereaved has left to a search since the last call.
  virtual Status Search() = 0;
};

// Settles the rows in the stage's list. The list must hold at least every row that was written, or
// was shown or hidden by other means, since the last call.
Status Root(ReferenceStage* stage);

}  // namespace harmonylite::merge
