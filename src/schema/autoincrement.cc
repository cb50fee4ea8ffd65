#include "schema/autoincrement.h"

#include <fmt/format.h>

#include "sqlite/identifier.h"
#include "sqlite/script.h"
#include "sqlite/sql_text.h"
#include "sqlite/stored_sql.h"

namespace harmonylite::schema {

namespace {

using sqlite::SameName;

// Walks through the tokens of a CREATE TABLE and finds the place behind PRIMARY KEY of the key's
// column, or behind the column's name in a PRIMARY KEY of the whole table.
class PlaceFinder {
 public:
  explicit PlaceFinder(std::string_view key) : key_(key) {}

  // Takes the next token that is not blank; `end` is where it ends.
  void Take(std::string_view token, size_t end) {
    if (begins_) Begin(token);
    begins_ = (token == "(" && depth_ == 0) || (token == "," && depth_ == 1);
    depth_ += token == "(" ? 1 : token == ")" ? -1 : 0;
    if (depth_ == 1 && of_key_) TakeOfColumn(token, end);
    if (table_constraint_) TakeOfTable(token, end);
    before_ = token;
  }
  std::optional<size_t> place() const { return place_; }

 private:
  void Begin(std::string_view token) {
    of_key_ = SameName(sqlite::NameOf(token), key_);
    table_constraint_ = !of_key_ && (SameName(token, "PRIMARY") || SameName(token, "CONSTRAINT"));
    after_key_ = false;
  }
  // column INTEGER [CONSTRAINT name] PRIMARY KEY [ASC] [ON CONFLICT word] [AUTOINCREMENT]
  void TakeOfColumn(std::string_view token, size_t end) {
    if (SameName(before_, "PRIMARY") && SameName(token, "KEY")) {
      place_ = end;
      after_key_ = true;
      return;
    }
    if (!after_key_) return;
    const bool sorted = SameName(token, "ASC");
    const bool conflict = SameName(token, "ON") || SameName(token, "CONFLICT");
    const bool answer = SameName(before_, "CONFLICT");
    if (sorted || answer)
      place_ = end;
    else if (!conflict)
      after_key_ = false;
  }
  // [CONSTRAINT name] PRIMARY KEY (column [ASC | DESC] [AUTOINCREMENT])
  void TakeOfTable(std::string_view token, size_t end) {
    if (SameName(before_, "PRIMARY") && SameName(token, "KEY")) after_key_ = true;
    if (!after_key_ || depth_ != 2) return;
    const bool named = SameName(sqlite::NameOf(token), key_);
    if (named || SameName(token, "ASC") || SameName(token, "DESC")) place_ = end;
  }

  std::string_view key_;
  std::string_view before_;
  int depth_ = 0;
  bool begins_ = false;  // the next token is the first of a definition
  bool of_key_ = false;  // the present definition is that of the key's column
  bool table_constraint_ =
      false;                // the present definition is, or may be, a PRIMARY KEY of the table
  bool after_key_ = false;  // PRIMARY KEY has been seen in the present definition
  std::optional<size_t> place_;
};

}  // namespace

std::optional<std::string> WithAutoincrement(std::string_view create_sql, std::string_view key) {
  PlaceFinder finder(key);
  for (size_t pos = 0, length = 0; pos < create_sql.size(); pos += length) {
    length = sqlite::TokenLength(create_sql, pos);
    const std::string_view token = create_sql.substr(pos, length);
    if (!sqlite::IsBlank(token)) finder.Take(token, pos + length);
  }
  if (!finder.place()) return std::nullopt;
  std::string out(create_sql);
  return out.insert(*finder.place(), " AUTOINCREMENT");
}

Status MakeAutoincrement(sqlite::Connection* db, const Table& table) {
  if (!table.integer_key || table.rowid_key)
    return MakeError(
        ErrorCode::kInvalidArgument,
        "table {} has no INTEGER PRIMARY KEY, so that SQLite gives out none of its keys",
        table.name);
  if (table.autoincrement) return Ok();
  HL_ASSIGN(const std::optional<std::string> sql, sqlite::StoredSql(db, "table", table.name));
  const auto changed = sql ? WithAutoincrement(*sql, table.key[0].name) : std::nullopt;
  if (!changed)
    return MakeError(ErrorCode::kInvalidArgument,
                     "the PRIMARY KEY of table {} was not found in its text", table.name);
  // SQLite makes sqlite_sequence with the first table that needs it.
  HL_TRY(
      sqlite::RunScript(db,
                        "CREATE TABLE __harmonylite__counts(id INTEGER PRIMARY KEY AUTOINCREMENT);"
                        "DROP TABLE __harmonylite__counts;"));
  HL_TRY(sqlite::ReplaceStoredTableSql(db, table.name, *changed));
  HL_ASSIGN(const bool counts, db->IsAutoincrement(table.name, table.key[0].name));
  if (!counts)
    return MakeError(ErrorCode::kInvalidArgument, "SQLite does not take the text of table {}: {}",
                     table.name, *changed);
  HL_ASSIGN(auto count, db->Prepare(fmt::format(
                            "INSERT INTO sqlite_sequence(name, seq) SELECT ?1, max(max({}), 0) "
                            "FROM {} HAVING count(*) > 0",
                            sqlite::Quote(table.key[0].name), sqlite::Quote(table.name))));
  count.Bind(1, table.name);
  return count.Run();
}

}  // namespace harmonylite::schema
