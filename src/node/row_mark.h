// A row as one node has it, reduced to hashes, and the kinds of orders about rows that nodes send
// each other.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "capture/row_survey.h"

namespace harmonylite::node {

// One row of a table, as one node has it.
struct RowMark {
  uint64_t key = 0;    // hash of the row key
  uint64_t image = 0;  // hash of the row; 0: there is no row
  bool shadowed = false;
  bool deleted = false;  // the row's version is a tombstone
  bool versioned = false;
  Origin origin;  // the version's origin; meaningless if there is no version
  Lseq lseq;
  Hlc stamp;
  capture::RowDamage damage = capture::RowDamage::kNone;
  std::string key_text;  // the key as SQL literals, for people; cut if it is long
  bool operator==(const RowMark&) const = default;
};

enum class OrderKind {
  kJournal,  // journal these rows as new writes
  kResend,   // send these rows again, under the versions they have
  // Remove these rows without a journal entry, because they were never written as a change, or have
  // lost.
  kRemove,
};

}  // namespace harmonylite::node
