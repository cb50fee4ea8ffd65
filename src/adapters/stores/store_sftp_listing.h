// Private to src/adapters/stores: one line of an SFTP server's listing.
#pragma once

#include <optional>
#include <string_view>

#include "ports/object_store.h"

namespace harmonylite::stores {

// Of a regular file whose name has no spaces: "-rw-r--r-- 1 user group 1234 Jan  2 15:04 name".
// Users and groups may have spaces, hence it is read from its end. Nothing: another kind of line.
std::optional<ports::ObjectInfo> ParseSftpLine(std::string_view line);

}  // namespace harmonylite::stores
