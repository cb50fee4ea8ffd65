// What becomes of objects that got the same name on different nodes at the same time. A file can
// have the name once: tables, views and indexes share their names.
//
// Threads: pure functions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "schema/object_row.h"

namespace harmonylite::schema {

// Returns the rows of tables that must give their name up to another table, with the names that
// they get: their former one, or else the name with a number. The table that was made under the
// name keeps it. All nodes that have the same rows get the same.
std::vector<ObjectRow> TablesThatGiveWay(const std::map<ObjectId, ObjectRow>& rows);

// Returns the views and indexes whose name a table has, or a view.
std::vector<ObjectId> WithoutAName(const std::map<ObjectId, ObjectRow>& rows);

}  // namespace harmonylite::schema
