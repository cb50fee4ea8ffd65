// The bytes of a database file, read and written beside SQLite's own paging: for files that nobody else has open. (The
// size may be asked of any.)
//
// Goes through the file that the connection has open, so any VFS will do and no lock is lost.
// Threads: as the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::sqlite {

// Errors of all three: kRetryLater, with the system's or SQLite's reason (disk full, I/O).
Result<uint64_t> FileSize(Connection* db);
// Exactly `length` bytes from `offset`.
Status ReadFileAt(Connection* db, uint64_t offset, size_t length, std::string* out);
// Of a file whose content SQLite has not read yet.
Status WriteFileAt(Connection* db, uint64_t offset, std::string_view bytes);

// By name, in that VFS; deleting what does not exist is fine.
Status DeleteFile(const std::string& path, const std::string& vfs);

// Copies everything `from` holds into `to`, in one transaction of `to`: afterwards it has all of it, or what it
// had. `to` may be open elsewhere; its page size must be that of `from` if it is in WAL mode. `once_locked` is asked
// when nobody else can write to `to` any more; its error ends the copying before anything is written.
// kRetryLater: somebody holds it (tried within the busy timeout), or its disk is full.
Status CopyDatabase(Connection* from, Connection* to, const std::function<Status()>& once_locked);

}  // namespace harmonylite::sqlite
