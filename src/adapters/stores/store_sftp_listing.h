// Private to src/adapters/stores: parses one line of an SFTP server's listing.
//
// Threads: any; a pure function.
#pragma once

#include <optional>
#include <string_view>

#include "ports/object_store.h"

namespace harmonylite::stores {

// Returns the name and size of a regular file from "-rw-r--r-- 1 user group 1234 Jan  2 15:04
// name". User and group may contain spaces, so the line is read from its end; the name must contain
// none. Returns nothing for other kinds of lines.
std::optional<ports::ObjectInfo> ParseSftpLine(std::string_view line);

}  // namespace harmonylite::stores
