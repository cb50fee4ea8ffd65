// A batch: the net change of one or more whole application transactions; the unit of publish and apply.
//
// An ordinary batch covers one origin's (from, to]. A repair batch covers several origins at once and
// takes its receiver from one causally closed state to a later one. Encoding: change/codec.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "change/value.h"
#include "change/version.h"

namespace harmonylite::change {

// "All of origin's changes in (from, to] that nothing newer replaced are in this batch."
struct Cover {
  Origin origin;
  Lseq from;
  Lseq to;
  bool operator==(const Cover&) const = default;
};

struct BatchHeader {
  Origin sender;               // who built it; also covers[0].origin in an ordinary batch
  std::vector<Cover> covers;   // at least one, origins differ
  ProgressVector seen;         // what the sender had applied when it read the rows
  Hlc max_stamp;               // no row's stamp is greater
  bool operator==(const BatchHeader&) const = default;
};

// A table as the sender saw it. Generated columns are not listed.
struct TableShape {
  std::string name;
  std::vector<std::string> columns;  // in the order of a row's image
  std::vector<uint32_t> key;         // positions in `columns`, in key order; at least one
  std::vector<std::string> collations;  // of each key column: BINARY, NOCASE, RTRIM or the app's own
  bool operator==(const TableShape&) const = default;
};

// One row's net change.
struct RowView {
  uint32_t table = 0;  // index of its TableShape, in order of appearance in the batch
  uint32_t cover = 0;  // index into covers: whose write this is
  Hlc stamp;
  Lseq lseq;           // of that origin
  bool deleted = false;
  // All columns of the shape, or only the key's values (in key order) when deleted.
  std::span<const ValueView> values;
};

}  // namespace harmonylite::change
