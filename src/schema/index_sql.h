// Takes the text of a CREATE INDEX apart: its terms and the condition of a partial index.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::schema {

struct IndexText {
  std::vector<std::string> terms;  // without ASC or DESC, and without comments
  std::string where_sql;           // empty without WHERE
};

// `sql` as in sqlite_schema, so already accepted by SQLite's own parser. Text that is no CREATE INDEX
// gives no terms.
IndexText SplitIndexSql(std::string_view sql);

}  // namespace harmonylite::schema
