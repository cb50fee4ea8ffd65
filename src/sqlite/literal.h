// Values as SQL spells them, for people to read and to paste. Statements bind values instead.
#pragma once

#include <cstddef>
#include <string>

#include "change/value.h"

namespace harmonylite::sqlite {

// Of text and blobs the first bytes only, as many as `most_text` or half of it. No limit: all.
std::string Literal(const change::ValueView& value, size_t most_text = std::string::npos);

}  // namespace harmonylite::sqlite
