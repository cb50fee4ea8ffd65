// A row key in the one spelling that stands for all that its index holds equal: 'a' for 'A' in NOCASE, 1 for 1.0.
//
// A row and its version, or two nodes' versions of it, need not spell their key alike. Threads: values.
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
  // Valid until the next call, and as long as `key`.
  std::span<const change::ValueView> Of(const schema::Table& table, std::span<const change::ValueView> key);

 private:
  std::vector<change::ValueView> values_;
  std::vector<std::string> texts_;
};

}  // namespace harmonylite::ledger
