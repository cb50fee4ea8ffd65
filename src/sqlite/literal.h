// Values as SQL spells them, for people to read and to paste. Statements bind their values instead.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <string>

#include "change/value.h"

namespace harmonylite::sqlite {

// Of a text, at most the first `most_text` bytes are written; of a blob at most half as many,
// because each takes two digits.
std::string Literal(const change::ValueView& value, size_t most_text = std::string::npos);

}  // namespace harmonylite::sqlite
