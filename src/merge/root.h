// Foreign keys, where rows without a parent are hidden. Pure: a function of which rows name which.
//
// Of the rows that UNIQUE leaves (merge/settle.h), the visible ones are the greatest set in which every
// reference of a row names a row of the set. The union of two such sets is one again, so there is exactly one
// greatest. Rows that name each other, or themselves, are in it. docs/convergence.md has the proof.
//
// Root keeps it up to date. Rows that may now have a parent are shown first, with all that waits for them, so
// that a circle of rows finds itself complete; then those without a parent are hidden, until none is left.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace harmonylite::merge {

// The rows of all tables, and a list of those to look at. Rows are named by their place in the list, from 0;
// one may be in it several times.
class ReferenceStage {
 public:
  virtual ~ReferenceStage() = default;
  virtual size_t Count() const = 0;
  // If the row is visible: the hidden rows that wait for one with its values are visible from now on, and are
  // added to the list.
  virtual Status ShowWaiting(size_t row) = 0;
  // If the row is visible and names a parent that is not: it is hidden from now on, and waits for that one.
  // True: it was hidden.
  virtual Result<bool> HideOrphan(size_t row) = 0;
  // The row was written or has been hidden. Adds the visible rows that may have lost their parent with it, or
  // remembers that they are to be searched for.
  virtual Status AddBereaved(size_t row) = 0;
  // Adds what AddBereaved has left to a search since the last call.
  virtual Status Search() = 0;
};

// The list holds, at least, every row that was written, shown or hidden otherwise since the last call.
Status Root(ReferenceStage* stage);

}  // namespace harmonylite::merge
