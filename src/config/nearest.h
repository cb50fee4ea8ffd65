// Finds the known word that is closest to a mistyped one, for messages with "did you mean".
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::config {

// Returns the least number of characters to insert, delete, replace or swap with their neighbour
// that turns `a` into `b` (the optimal string alignment distance).
size_t EditDistance(std::string_view a, std::string_view b);

// Returns the closest of the `known` words, and the first one of several. Returns an empty text if
// none is close enough to be worth naming.
std::string Nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace harmonylite::config
