// "Did you mean": the known word that a mistyped one is closest to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::config {

// Number of inserted, deleted, replaced or swapped (neighbouring) characters between the two.
size_t EditDistance(std::string_view a, std::string_view b);

// The closest of `known`, the first one of equals; empty when none is close enough to be worth
// naming.
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace harmonylite::config
