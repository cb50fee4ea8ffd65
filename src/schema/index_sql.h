// Takes the text of a CREATE INDEX apart into its terms and the condition of a partial index.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::schema {

struct IndexText {
  std::vector<std::string> terms;  // SQL of the terms, without ASC, DESC or comments
  std::string where_sql;           // the condition after WHERE; empty if there is none
};

// `sql` comes from sqlite_schema, so SQLite's own parser has accepted it. Text that is no CREATE
// INDEX gives no terms.
IndexText SplitIndexSql(std::string_view sql);

}  // namespace harmonylite::schema
