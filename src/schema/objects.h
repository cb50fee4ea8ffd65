// The objects of a schema that are the same on every node: tables, indexes, views, triggers, and
// two numbers in the file's header in which migration tools keep where they are.
//
// Threads: the rule of the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::schema {

// In the order in which objects are made, because each may need those before it.
enum class ObjectKind { kTable, kView, kIndex, kTrigger, kPragma };

// Returns the kind's name, as in sqlite_schema; "pragma" for kPragma.
std::string_view KindName(ObjectKind kind);
std::optional<ObjectKind> KindOf(std::string_view name);

struct Object {
  ObjectKind kind = ObjectKind::kTable;
  std::string name;
  std::string table;  // of an index or trigger: the table or view that it belongs to
  std::string sql;    // as sqlite_schema has it; the number of a pragma
};

// True for names that SQLite or HarmonyLite keeps for itself.
bool IsReserved(std::string_view name);
// True for the text of a CREATE VIRTUAL TABLE.
bool IsVirtual(std::string_view sql);

// Lists the objects in the caller's transaction. Left out are those of SQLite and of HarmonyLite,
// the tables behind a virtual table, and tables that the options leave out, with their indexes and
// triggers. A pragma that is 0 is none.
Result<std::vector<Object>> ListObjects(sqlite::Connection* db, const LoadOptions& options);

// The numbers of the header that are objects. `version` changes with every statement that changes
// the schema, the others only when somebody sets them.
struct HeaderNumbers {
  int64_t version = -1;
  int64_t user_version = 0;
  int64_t application_id = 0;
  bool operator==(const HeaderNumbers&) const = default;
};
Result<HeaderNumbers> ReadHeaderNumbers(sqlite::Connection* db);

}  // namespace harmonylite::schema
