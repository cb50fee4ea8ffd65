// UNIQUE between free writers: which rows are visible. Pure: a function of versions and of who clashes with whom.
//
// Two live rows clash when they hold the same value of a UNIQUE index. A row is visible if and only if no
// newer visible row clashes with it; else it is shadowed. Versions are totally ordered, so this defines exactly
// one set (the kernel of an acyclic graph: the greedy independent set, newest row first), on every node
// that has the same rows, whatever the order in which they came. docs/convergence.md has the proof.
//
// Settle keeps it up to date. What makes a set of visible rows the right one is local to each row: no two
// visible rows clash (SQLite's index sees to that), and every shadowed row has a blocker: a newer visible row
// that clashes with it. So only rows without a valid blocker need to be looked at.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "change/version.h"

namespace harmonylite::merge {

// Stands for a row within one call of Settle; the stage gives them out.
using RowHandle = size_t;

struct Contender {
  RowHandle row;
  change::Version version;
};

enum class Shown {
  kYes,
  kTaken,    // a visible row holds one of its unique values; nothing has changed
  kRefused,  // it cannot be in the table for another reason; nothing has changed
};

// The rows of one table, wherever they are kept.
class UniqueStage {
 public:
  virtual ~UniqueStage() = default;
  // Makes a shadowed row visible if no visible row clashes with it.
  virtual Result<Shown> Show(RowHandle row) = 0;
  // The visible rows that clash with a shadowed one.
  virtual Result<std::vector<Contender>> Holders(RowHandle row) = 0;
  // The row, visible or shadowed, is shadowed from now on, and that is its blocker.
  virtual Status Hide(RowHandle row, RowHandle blocker) = 0;
  // The shadowed rows that have this blocker.
  virtual Result<std::vector<Contender>> BlockedBy(RowHandle blocker) = 0;
};

// `pending`: at least every shadowed row without a valid blocker. Afterwards there is none.
// kConflict: the stage contradicts itself.
Status Settle(std::vector<Contender> pending, UniqueStage* stage);

}  // namespace harmonylite::merge
