// A batch: the net change of one or more whole transactions of the application, and the unit of
// publishing and applying (docs/design.md, "The life of a change", steps 2 to 6).
//
// An ordinary batch covers the changes (from, to] of one origin. A repair batch covers several
// origins at once and takes its receiver from one causally closed state to a later one. The
// encoding is in change/codec.h.
//
// Threads: plain values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "change/retirements.h"
#include "change/value.h"
#include "change/version.h"

namespace harmonylite::change {

// The claim that the batch contains all changes of `origin` in (from, to] that no newer change has
// replaced.
struct Cover {
  Origin origin;
  Lseq from;
  Lseq to;
  bool operator==(const Cover&) const = default;
};

struct BatchHeader {
  Origin sender;  // The origin that built it; in an ordinary batch also covers[0].origin.
  std::vector<Cover> covers;  // At least one; their origins differ.
  ProgressVector seen;        // What the sender had applied when it read the rows.
  Hlc max_stamp;              // No row of the batch has a greater stamp.
  // The retirements that the covered changes bring: each is `by` an origin of `covers`, at a change
  // within its range.
  std::vector<Retirement> retirements;
  bool operator==(const BatchHeader&) const = default;
};

// What the sender of a batch had applied when it read the rows, its own changes included. The view
// refers to both arguments.
inline Knowledge SeenBySender(const BatchHeader& header, const Retirements& retirements) {
  Lseq own = header.seen.Get(header.sender);
  for (const Cover& cover : header.covers)
    if (cover.origin == header.sender) own = std::max(own, cover.to);
  return Knowledge(header.seen, retirements, header.sender, own);
}

// A table as the sender's file defines it. Generated columns are left out.
struct TableShape {
  std::string name;
  std::vector<std::string> columns;  // Column names, in the order of a row's image.
  std::vector<uint32_t> key;         // Positions in `columns`, in key order; at least one.
  // Collation of each key column: BINARY, NOCASE, RTRIM or one of the application's own.
  std::vector<std::string> collations;
  // The table's identity among the schema's objects; empty if it is the name in folded case, or
  // unknown. A name may mean one table here and another one at the sender.
  std::string object = {};
  bool operator==(const TableShape&) const = default;
};

// The net change of one row. The view does not own its values.
struct RowView {
  uint32_t table = 0;  // Index of its TableShape, in order of appearance in the batch.
  uint32_t cover = 0;  // Index into `covers`: the origin of this write.
  Hlc stamp;
  Lseq lseq;  // The write's number in that origin's own count.
  bool deleted = false;
  // All columns of the shape; for a deleted row only the key's values, in key order.
  std::span<const ValueView> values;
};

}  // namespace harmonylite::change
