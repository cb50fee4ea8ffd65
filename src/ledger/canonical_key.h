// The canonical spelling of a row key: one that stands for all spellings which the key's index
// holds equal, such as 'a' for 'A' under NOCASE, and 1 for 1.0.
//
// A row and its version, or the versions of a row on two nodes, may spell the row's key
// differently.
// Threads: a CanonicalKey is used by one thread at a time.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "change/value.h"
#include "schema/schema.h"

namespace harmonylite::ledger {

class CanonicalKey {
 public:
  // Returns the canonical spelling of `key`, a key of `table`. The result is valid until the next
  // call, and only as long as `key` itself, because a key that is canonical already is not copied.
  std::span<const change::ValueView> Of(const schema::Table& table,
                                        std::span<const change::ValueView> key);

 private:
  std::vector<change::ValueView> values_;
  std::vector<std::string> texts_;
};

}  // namespace harmonylite::ledger
