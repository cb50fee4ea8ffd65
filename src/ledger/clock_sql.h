// The wall clock in SQL, as the triggers and the hidden tables read it.
#pragma once

namespace harmonylite::ledger {

// An SQL expression for the present time in milliseconds since 1970, as a REAL that is to be
// truncated. julianday() gives the present time as a Julian day, without a text to parse, and
// 2440587.5 is the Julian day of 1970-01-01. A double that holds days is off by up to 40 µs in
// either direction: without the 0.5, truncation would yield the previous millisecond about half the
// time.
inline constexpr const char* kNowMs = "(julianday() - 2440587.5) * 86400000 + 0.5";

}  // namespace harmonylite::ledger
