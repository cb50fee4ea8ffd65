// A row as one node has it, by hashes, and what may be asked or ordered about rows.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "capture/row_survey.h"

namespace harmonylite::node {

// A row of one table, by hashes, as one node has it.
struct RowMark {
  uint64_t key = 0;    // hash of the row key
  uint64_t image = 0;  // hash of the row; 0: it is not there
  bool shadowed = false;
  bool deleted = false;    // what its version says
  bool versioned = false;
  Origin origin;           // of its version; meaningless without one
  Lseq lseq;
  Hlc stamp;
  capture::RowDamage damage = capture::RowDamage::kNone;
  std::string key_text;    // for people, cut where it is long
  bool operator==(const RowMark&) const = default;
};

enum class VerifyKind {
  kDigest,   // of every table
  kBuckets,  // digests of a table's rows, by key hash
  kRows,     // the rows of some buckets
  kJournal,  // these rows are to be journaled as new writes
  kResend,   // these are to be sent again, under the version they have
  kRemove,   // these are to be removed without a journal entry: what is there was never written, or lost
};

}  // namespace harmonylite::node
