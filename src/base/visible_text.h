// Text of others for a person's terminal: nothing in it acts on the terminal.
//
// Values, names and messages come from databases and records. Escape sequences in them could move
// the cursor, change what was printed before, or answer for the operator; characters that change
// the direction of writing could show another text than is there.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace harmonylite {

// Returns the length of the well-formed UTF-8 sequence at the start of `text`, which is not empty;
// 0 if there is none.
size_t Utf8Length(std::string_view text);

// True if the character at the start of `text`, a well-formed sequence of this length, is a control
// character (C0, DEL, C1), ends a line, or changes the direction of writing.
bool ActsOnTerminal(std::string_view text, size_t length);

// Returns the Unicode number of a well-formed sequence.
unsigned CodePoint(std::string_view sequence);

// Writes such characters, and bytes that are not UTF-8, as \u{9b} and \x9b.
std::string Visible(std::string_view text);
// Does the same, and keeps the ends of lines.
std::string VisibleLines(std::string_view text);

}  // namespace harmonylite
