// SQLite's clock, as the triggers and the hidden tables read it.
#pragma once

namespace harmonylite::ledger {

// SQL of SQLite's clock, in milliseconds since 1970 as a REAL that is to be cut: 2440587.5 is 1970-01-01 as a Julian day, and
// julianday() is what it is 'now', without a text to parse. A double of days is off by up to 40 us either way: without
// the half, every other millisecond were the one before.
inline constexpr const char* kNowMs = "(julianday() - 2440587.5) * 86400000 + 0.5";

}  // namespace harmonylite::ledger
