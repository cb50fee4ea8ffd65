// The one door for SQL text that HarmonyLite did not write: what a file keeps in sqlite_schema,
// also a file that came as a snapshot.
//
// SQLite reads a stored text up to the end of its first statement and ignores the rest, so that
// whoever may write the file can put anything there, and `integrity_check` finds nothing wrong.
// What comes through this door is exactly one statement, and while SQLite compiles it, its
// authorizer allows what that kind of statement needs and nothing else. Expressions become part of
// statements of ours only after they were found to be one expression that only reads its own table.
// docs/security.md has the whole picture.
//
// In all functions kInvalidArgument means that the text is refused or cannot be compiled here; the
// message says why.
// Threads: functions with a Connection run on its thread. The others are pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::sqlite {

// What somebody else's text in sqlite_schema has that SQLite does not write there.
struct StoredTextProblem {
  std::string type;  // as in sqlite_schema: table, index, view or trigger
  std::string name;
  std::string what;  // continues "its stored text …"
};

// Returns what is wrong with the text of one object, and nothing if SQLite could have stored it: it
// begins as SQLite begins it, and is one statement with only spaces and comments behind it.
std::optional<std::string> WrongInStoredText(std::string_view type, std::string_view sql);

// Looks at all texts of the main schema, in the caller's transaction.
Result<std::vector<StoredTextProblem>> FindStoredTextProblems(Connection* db);

// Describes a problem, and what the operator can do about it.
std::string Describe(const StoredTextProblem& problem);
const char* AdviceForStoredTexts();

// Returns the expression in parentheses and without comments. It is then one expression wherever it
// is put, because it closes no parenthesis that it has not opened, and ends no statement.
Result<std::string> AsExpression(std::string_view text);

// Returns the columns of `table` that the expressions read, sorted. Each must be a column's quoted
// name or a result of AsExpression. They may call functions, and read this table and nothing else.
Result<std::vector<std::string>> ColumnsRead(Connection* db, const std::string& table,
                                             const std::vector<std::string>& expressions);

// Inserts the value of an expression into the only column of a TEMP table. The expression, a result
// of AsExpression, may call functions and reads nothing.
Status InsertValueOf(Connection* db, const std::string& temp_table, const std::string& expression);

// Makes the schema use only what SQLite calls innocuous. For connections that read and write no
// rows of the application: others need more (Connection::Open).
void DistrustSchema(Connection* db);

// A trigger, or another object of the application, as sqlite_schema has it.
struct StoredTrigger {
  std::string name;
  std::string table;
  std::string sql;
};

// Makes a TEMP trigger of the stored text, with the same name on the same table.
Status CreateTempTrigger(Connection* db, const StoredTrigger& trigger);

// Makes an object of the main schema as another node's sqlite_schema has it. It has this name, and
// a trigger or index is on this table. Virtual tables are made by SQLite's own full-text and R-tree
// modules only; no other module is asked.
Status CreateObject(Connection* db, std::string_view type, const StoredTrigger& object);

// Makes a trigger of ours whose text holds expressions of others.
Status CreateTrigger(Connection* db, const StoredTrigger& trigger);

}  // namespace harmonylite::sqlite
