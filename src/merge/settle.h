// Settles UNIQUE between nodes that write freely: decides which live rows are visible. Pure: a
// function of versions and of which rows clash.
//
// Two live rows clash when they hold the same value in a UNIQUE index. A row is visible if and only
// if no newer visible row clashes with it; otherwise it is shadowed. Versions are totally ordered,
// so this defines exactly one set: the kernel of an acyclic graph, which is the greedy independent
// set, newest row first. It is the same on every node that has the same rows, in whatever order
// they came (P4). docs/convergence.md has the proof.
//
// Settle keeps that set up to date. Whether a set of visible rows is the right one can be checked
// row by row: no two visible rows clash, which SQLite's index guarantees, and every shadowed row
// has a blocker, that is, a newer visible row that clashes with it. So only rows without a valid
// blocker need to be looked at.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "change/version.h"

namespace harmonylite::merge {

// Names a row within one call of Settle. The stage gives the handles out.
using RowHandle = size_t;

struct Contender {
  RowHandle row;
  change::Version version;
};

enum class Shown {
  kYes,
  // A visible row holds one of its unique values. Nothing has changed.
  kTaken,
  kRefused,  // The row cannot be in the table for another reason. Nothing has changed.
};

// The rows of one table, wherever they are kept.
class UniqueStage {
 public:
  virtual ~UniqueStage() = default;
  // Makes a shadowed row visible if no visible row clashes with it; kYes for a row that is visible
  // already.
  virtual Result<Shown> Show(RowHandle row) = 0;
  // Lists the visible rows that clash with a shadowed row.
  virtual Result<std::vector<Contender>> Holders(RowHandle row) = 0;
  // Shadows a row, or leaves it shadowed, and makes `blocker` its blocker. If `blocker` is `row`
  // itself, something other than a row keeps it out of the table.
  virtual Status Hide(RowHandle row, RowHandle blocker) = 0;
  // Lists the shadowed rows whose blocker is `blocker`.
  virtual Result<std::vector<Contender>> BlockedBy(RowHandle blocker) = 0;
};

// Decides the rows in `pending`, which must contain at least every shadowed row without a valid
// blocker. Afterwards every shadowed row has one. kConflict: the stage contradicts itself.
Status Settle(std::vector<Contender> pending, UniqueStage* stage);

}  // namespace harmonylite::merge
