// What one file tells of the schema that all nodes share: its objects, who changed each of them
// last, and whether this file is in line with them.
//
// Threads: the one that uses the connection; the rest is plain values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/object_writers.h"
#include "schema/follow.h"
#include "schema/objects.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

// How this file stands to what the nodes have agreed upon.
enum class Standing {
  kInLine,
  kDiffers,       // it is here, and other nodes have made something else of it
  kMissing,       // it is not here
  kLeftOut,       // it is not here, as the configuration says
  kKept,          // it is here, and another node has dropped it
  kNotJournaled,  // it was made, changed or dropped here, and the other nodes do not know yet
  kDropped,       // it is nowhere
};

// The word for it that is printed, such as "in line".
const char* Word(Standing standing);

struct ListedObject {
  schema::ObjectKind kind = schema::ObjectKind::kTable;
  std::string name;
  std::vector<std::string> former_names;  // the oldest first
  std::string table;                      // of an index or trigger: the table or view it belongs to
  std::string sql;       // what the nodes have agreed upon, or a pragma's number; empty: dropped
  std::string sql_here;  // what this file has; empty: nothing
  ledger::ObjectWriter writer;  // without an origin: nobody is known to have written it
  Standing standing = Standing::kInLine;
  std::string why;  // empty where the standing says it all

  bool is_virtual() const { return schema::IsVirtual(sql.empty() ? sql_here : sql); }
};

struct SetAsideRows {
  std::string table;
  int64_t rows = 0;
  bool there = false;  // whether there is such a table now
};

struct SchemaLook {
  schema::FollowOptions follows;
  bool journaled = true;              // false: something of this file is not journaled yet
  std::vector<ListedObject> objects;  // by kind and name, the dropped ones last
  std::vector<SetAsideRows> set_aside;
};

// Looks in the caller's transaction, and writes nothing to the file. Why an object is missing is
// found by making it in a database in memory; for a UNIQUE index the rows of its table are read,
// too. kInvalidArgument: no node has looked at the schema of this file yet.
Result<SchemaLook> LookAtSchema(sqlite::Connection* db, const schema::LoadOptions& options,
                                const schema::FollowOptions& follows);

}  // namespace harmonylite::cli
