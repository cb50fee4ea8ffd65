// Makes files that hold what another file holds, so that nobody may read the copy who may not read
// the original.
//
// Threads: pure functions of the file system.
#pragma once

#include <string>

#include "base/result.h"

namespace harmonylite {

// Makes an empty file that those may read and write who may read and write `model`; only the owner
// if there is no such file. kConflict: something has this name already, perhaps a link to somewhere
// else, which is never followed. kRetryLater: the file cannot be made.
Status MakeFileLike(const std::string& path, const std::string& model);

}  // namespace harmonylite
