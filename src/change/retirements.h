// Retired origins, and reading progress vectors that no longer name them.
//
// Each new incarnation of a node is a new origin, and the former one never writes again. So that
// vectors do not name former origins for ever, a node states a fact that replaces the entry: "who
// has change `at` of origin `by` has `origin` up to `last`". A vector that covers `at` of `by` then
// needs no entry for `origin`, and nothing is lost by leaving it out, because whoever reads the
// vector knows the fact (docs/decisions/0034-retired-origins.md has the rules and the proof).
//
// Threads: plain values.
#pragma once

#include <map>
#include <vector>

#include "base/ids.h"
#include "change/version.h"

namespace harmonylite::change {

// The fact that every node which has applied change `at` of `by` has applied `origin` up to `last`.
struct Retirement {
  Origin origin;
  Lseq last;
  Origin by;
  Lseq at;
  auto operator<=>(const Retirement&) const = default;
};

// The retirements that a node knows.
class Retirements {
 public:
  void Add(const Retirement& retirement);
  // The retirements of one origin; usually there is one.
  const std::vector<Retirement>& Of(const Origin& origin) const;
  const std::map<Origin, std::vector<Retirement>>& all() const { return of_; }
  bool empty() const { return of_.empty(); }
  bool operator==(const Retirements&) const = default;

 private:
  std::map<Origin, std::vector<Retirement>> of_;  // the vectors are not empty
};

// What a node has applied: its progress vector, which may leave out retired origins, together with
// its own changes, which the vector does not name. A view; what it refers to outlives it.
class Knowledge {
 public:
  // `own` is the node's newest change under `owner`.
  Knowledge(const ProgressVector& vector, const Retirements& retirements, const Origin& owner,
            Lseq own)
      : vector_(vector), retirements_(retirements), owner_(owner), own_(own) {}

  // Of a vector that names every origin's changes, those of its owner among them, as a snapshot's.
  Knowledge(const ProgressVector& vector, const Retirements& retirements)
      : Knowledge(vector, retirements, {}, Lseq(0)) {}
  // Of a vector that leaves nothing out.
  explicit Knowledge(const ProgressVector& vector);

  // The lseq up to which the node has all changes of `origin`.
  Lseq Get(const Origin& origin) const;
  bool Covers(const Origin& origin, Lseq lseq) const { return lseq <= Get(origin); }
  // True if the node has everything that `other` names.
  bool Covers(const ProgressVector& other) const;
  // The vector with an entry for each retired origin that it has left out.
  ProgressVector Expanded() const;

 private:
  // What the vector itself says; for the owner, its own changes.
  Lseq Named(const Origin& origin) const { return origin == owner_ ? own_ : vector_.Get(origin); }

  const ProgressVector& vector_;
  const Retirements& retirements_;
  Origin owner_;
  Lseq own_;
};

}  // namespace harmonylite::change
