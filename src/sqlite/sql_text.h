// Takes SQL text apart into tokens and statements, by SQLite's own rules.
//
// This is for text that others wrote: stored schema texts, index terms, conditions, defaults. It
// decides only what is refused before SQLite sees it. What a statement does, SQLite's compiler
// tells (foreign_text.h).
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace harmonylite::sqlite {

// Returns the length of the token at `pos`, which lies inside `sql`: a quoted name or string, a
// comment, spaces, a word, or one other character. A quoted token or comment that has no end
// reaches to the end of the text.
size_t TokenLength(std::string_view sql, size_t pos);

bool IsComment(std::string_view token);
// True for a token of spaces, and for a comment.
bool IsBlank(std::string_view token);
// True for a quoted name or string whose closing quote is missing.
bool IsUnterminated(std::string_view token);

// True if nothing but spaces, comments and semicolons is in `sql`.
bool HasNoStatement(std::string_view sql);

// Returns the length of the first statement of `sql`, with its semicolon. The body of a CREATE
// TRIGGER, up to the END that follows a semicolon, is part of its statement.
size_t StatementLength(std::string_view sql);

// True if the text holds this word, outside of quotes and comments.
bool HasWord(std::string_view sql, std::string_view word);

// Replaces each comment by a space. A comment that runs to the end of its line would otherwise
// swallow what is put behind the text.
std::string WithoutComments(std::string_view sql);

// Returns the name that a token stands for, without its quotes: "a", [a], `a` and a are one name.
std::string NameOf(std::string_view token);

// Removes spaces at both ends.
std::string_view TrimSpaces(std::string_view text);

}  // namespace harmonylite::sqlite
