// Private to src/adapters/stores: what a WebDAV server is asked and says in XML.
#pragma once

#include <string_view>
#include <vector>

#include "ports/object_store.h"

namespace harmonylite::stores {

inline constexpr std::string_view kWebdavListRequest =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop>"
    "<resourcetype/><getcontentlength/></prop></propfind>";

// The files, not the folders, in the answer to PROPFIND, whatever their names.
// kInvalidArgument: no WebDAV server said this.
Result<std::vector<ports::ObjectInfo>> ParseWebdavListing(std::string_view xml);

}  // namespace harmonylite::stores
