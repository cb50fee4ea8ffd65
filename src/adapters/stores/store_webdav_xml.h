// Private to src/adapters/stores: writes and reads the XML of the WebDAV protocol.
//
// Threads: any; pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "ports/object_store.h"

namespace harmonylite::stores {

inline constexpr std::string_view kWebdavListRequest =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop>"
    "<resourcetype/><getcontentlength/></prop></propfind>";

// Returns the files in the answer to a PROPFIND, whatever their names, but not the folders.
// kInvalidArgument: no WebDAV server sends such a text.
Result<std::vector<ports::ObjectInfo>> ParseWebdavListing(std::string_view xml);

}  // namespace harmonylite::stores
