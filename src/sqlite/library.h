// The SQLite library itself, as this process uses it.
//
// Threads: DropMemoryStatistics is called while no other thread uses SQLite.
#pragma once

#include <string>

namespace harmonylite::sqlite {

// Stops SQLite from counting every allocation under one lock that all threads share. Applies to the
// whole process, and has no effect once a connection has been opened.
void DropMemoryStatistics();

// Returns the version of the SQLite library, e.g. "3.40.1".
std::string LibraryVersion();

}  // namespace harmonylite::sqlite
