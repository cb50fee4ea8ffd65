// Reads and writes the bytes of a database file without SQLite's pager, and copies whole databases.
//
// Reading and writing bytes is for files that nobody else has open; the size of any file may be
// asked. All of it goes through the file that the connection has open, so any VFS will do, and no
// descriptor is closed whose closing would drop the process's locks.
// Threads: each function runs on the thread that uses the connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::sqlite {

// FileSize, ReadFileAt and WriteFileAt fail with kRetryLater and SQLite's reason (disk full, I/O).
Result<uint64_t> FileSize(Connection* db);
// Reads exactly `length` bytes from `offset` on. Fails if the file ends before that.
Status ReadFileAt(Connection* db, uint64_t offset, size_t length, std::string* out);
// Writes into a file of which SQLite has not read anything yet; its page cache would not notice.
Status WriteFileAt(Connection* db, uint64_t offset, std::string_view bytes);

// Deletes the file `path` of the VFS `vfs` (the default one if empty). A file that does not exist
// is no error.
Status DeleteFile(const std::string& path, const std::string& vfs);

// Replaces the content of `to` by that of `from`, in one transaction of `to`: afterwards `to` holds
// either all of the new content or what it held before. Other connections may have `to` open. If
// `to` is in WAL mode, its page size must be that of `from`. `once_locked` is called when nobody
// else can write to `to` any more; if it fails, nothing is written and its error is returned.
// kRetryLater: `to` stayed locked for the busy timeout, or its disk is full.
Status CopyDatabase(Connection* from, Connection* to, const std::function<Status()>& once_locked);

// Copies the pages of `from`, as they are in one read transaction, into the new file `to`. SQLite
// need not understand any of the schema for that. The copy is in no WAL mode, whatever mode `from`
// is in. `to` is of no use afterwards and must be opened anew. kRetryLater: `cancelled` was set,
// the disk of `to` is full, or `from` is locked.
Status CopyPages(Connection* from, Connection* to, const std::atomic<bool>& cancelled);

}  // namespace harmonylite::sqlite
