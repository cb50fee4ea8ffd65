// Private to src/sqlite: fills the table of functions of a VFS.
//
// Threads: a pure function.
#pragma once

#include <sqlite3.h>

namespace harmonylite::sqlite {

// `Calls` has a static function for each of a VFS's functions, but those that load libraries: no
// connection of ours does that.
template <typename Calls>
void UseCalls(sqlite3_vfs* vfs) {
  vfs->xOpen = Calls::Open;
  vfs->xDelete = Calls::Delete;
  vfs->xAccess = Calls::Access;
  vfs->xFullPathname = Calls::FullPathname;
  vfs->xRandomness = Calls::Randomness;
  vfs->xSleep = Calls::Sleep;
  vfs->xCurrentTime = Calls::CurrentTime;
  vfs->xGetLastError = Calls::LastError;
}

}  // namespace harmonylite::sqlite
