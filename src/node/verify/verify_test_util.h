// Rows as nodes describe them to each other, for tests.
#pragma once

#include <cstdint>

#include "node/row_mark.h"

namespace harmonylite::node {

inline Origin Node(uint64_t node) { return {NodeId(node), Incarnation(7)}; }

// A row that `writer` gave its version; 0: the row has none.
inline RowMark Row(uint64_t key, uint64_t image, uint64_t writer, int64_t lseq) {
  RowMark row;
  row.key = key;
  row.image = image;
  row.versioned = writer != 0;
  row.origin = Node(writer);
  row.lseq = Lseq(lseq);
  row.stamp = Hlc(lseq);
  row.deleted = writer != 0 && image == 0;
  row.key_text = "it's 100 % \n";
  return row;
}

}  // namespace harmonylite::node
