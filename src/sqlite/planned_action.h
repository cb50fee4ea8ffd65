// What a statement would do if it ran.
//
// Threads: plain values.
#pragma once

#include <string>

namespace harmonylite::sqlite {

// One thing that a statement would do, as SQLite tells its authorizer while it prepares the
// statement.
struct PlannedAction {
  enum Kind { kRead, kInsert, kUpdate, kDelete, kFunction, kOther } kind = kOther;
  std::string table;    // for kFunction, the function's name
  std::string column;   // set for kRead and kUpdate
  std::string trigger;  // innermost trigger or view that does this; empty for the statement itself
};

}  // namespace harmonylite::sqlite
