#include "sqlite/foreign_text.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <functional>
#include <set>

#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"

namespace harmonylite::sqlite {

namespace {

constexpr std::string_view kTriggerHead = "CREATE TRIGGER ";
constexpr std::string_view kVirtualHead = "CREATE VIRTUAL TABLE ";

// How SQLite begins the texts that it stores. It writes these words itself, whatever the
// application's statement looked like.
struct Head {
  std::string_view type;
  std::string_view text;
};
constexpr std::array kHeads = {
    Head{"table", "CREATE TABLE "}, Head{"table", kVirtualHead},
    Head{"index", "CREATE INDEX "}, Head{"index", "CREATE UNIQUE INDEX "},
    Head{"view", "CREATE VIEW "},   Head{"trigger", kTriggerHead},
};

// One thing that a statement would do, as the authorizer is told. Absent names are empty.
struct Action {
  int code = 0;
  std::string_view first;
  std::string_view second;
  std::string_view database;
};

// Makes full-text tables write down what they hold back in the present transaction. They would do
// it at the next statement otherwise, and with statements of their own.
void FlushVirtualTables(Connection* db) {
  if (db->in_transaction())
    sqlite3_exec(db->raw(), "SAVEPOINT __harmonylite__flush; RELEASE __harmonylite__flush", nullptr,
                 nullptr, nullptr);
}

// Watches what is compiled on a connection for as long as it lives, and refuses what `may` does not
// allow.
class Watch {
 public:
  Watch(Connection* db, std::function<bool(const Action&)> may) : db_(db), may_(std::move(may)) {
    FlushVirtualTables(db);
    db_->SetAuthorizer(
        [this](int code, const char* first, const char* second, const char* database, const char*) {
          const auto text = [](const char* name) { return std::string_view(name ? name : ""); };
          const Action action{code, text(first), text(second), text(database)};
          return may_(action) ? SQLITE_OK : SQLITE_DENY;
        });
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { db_->SetAuthorizer({}); }

 private:
  Connection* db_;  // not owned
  std::function<bool(const Action&)> may_;
};

// Functions that reach outside of the database. SQLite itself keeps them out of stored texts, but
// not out of TEMP triggers and of statements of ours.
bool IsHarmless(std::string_view function) {
  return !SameName(function, "load_extension") && !SameName(function, "fts3_tokenizer");
}

bool IsSchemaTable(std::string_view table) {
  return SameName(table, "sqlite_master") || SameName(table, "sqlite_temp_master") ||
         SameName(table, "sqlite_schema") || SameName(table, "sqlite_temp_schema");
}

// What making a trigger needs: the action itself, with these names, and its row in the schema.
bool MakesOnly(const StoredTrigger& trigger, int code, const Action& action) {
  if (action.code == code)
    return action.first == trigger.name && SameName(action.second, trigger.table);
  const bool writes_row =
      action.code == SQLITE_INSERT || action.code == SQLITE_UPDATE || action.code == SQLITE_READ;
  return writes_row && IsSchemaTable(action.first);
}

Status Create(Connection* db, const StoredTrigger& trigger, int code, const std::string& sql) {
  const Watch watch(db, [&](const Action& action) { return MakesOnly(trigger, code, action); });
  return db->Exec(sql);
}

// The modules that come with SQLite and keep their content in the same file.
bool IsKnownModule(std::string_view module) {
  for (const char* known : {"fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"})
    if (SameName(module, known)) return true;
  return false;
}

bool IsReading(int code) {
  return code == SQLITE_READ || code == SQLITE_SELECT || code == SQLITE_RECURSIVE;
}

bool IsWriting(int code) {
  return code == SQLITE_INSERT || code == SQLITE_UPDATE || code == SQLITE_DELETE;
}

// What making a virtual table needs: its module makes tables whose names begin with its own.
bool MakesVirtualTable(const StoredTrigger& table, const Action& action) {
  if (action.code == SQLITE_CREATE_VTABLE)
    return SameName(action.first, table.name) && IsKnownModule(action.second);
  const std::string prefix = table.name + "_";
  const std::string_view name = action.code == SQLITE_CREATE_INDEX ? action.second : action.first;
  const bool of_it = SameName(name, table.name) || SameName(name.substr(0, prefix.size()), prefix);
  if (action.code == SQLITE_CREATE_TABLE || action.code == SQLITE_CREATE_INDEX) return of_it;
  if (action.code == SQLITE_FUNCTION) return IsHarmless(action.second);
  if (action.code == SQLITE_PRAGMA) return action.first == "data_version";
  return IsReading(action.code) ||
         (IsWriting(action.code) && (of_it || IsSchemaTable(action.first)));
}

// What making a table, index or view needs: the action itself, its row in the schema, and reading
// the columns that its expressions name.
bool MakesObject(std::string_view type, const StoredTrigger& object, const Action& action) {
  const bool named = SameName(action.first, object.name);
  switch (action.code) {
    case SQLITE_CREATE_TABLE:
      // The first AUTOINCREMENT table brings SQLite's table of counters with it.
      return type == "table" && (named || action.first == "sqlite_sequence");
    case SQLITE_CREATE_VIEW:
      return type == "view" && named;
    case SQLITE_CREATE_INDEX:
      // The indexes of UNIQUE and PRIMARY KEY are made with their table.
      return type == "table" ? SameName(action.second, object.name)
                             : type == "index" && named && SameName(action.second, object.table);
    case SQLITE_REINDEX:
      return type == "index" && named;
    case SQLITE_FUNCTION:
      return IsHarmless(action.second);
    case SQLITE_READ:
      return type == "view" || named || SameName(action.first, object.table) ||
             IsSchemaTable(action.first);
    case SQLITE_SELECT:
      return type == "view";
    default:
      return IsWriting(action.code) && IsSchemaTable(action.first);
  }
}

// Returns what makes the text something else than one expression, and nothing if it may be one.
const char* WrongInExpression(std::string_view sql) {
  int depth = 0;
  bool empty = true;
  for (size_t pos = 0; pos < sql.size(); pos += TokenLength(sql, pos)) {
    const std::string_view token = sql.substr(pos, TokenLength(sql, pos));
    if (IsUnterminated(token)) return "holds a name or text without an end";
    if (token[0] == '\0') return "holds a NUL byte";
    if (token == ";") return "holds a semicolon";
    // SQLite takes what follows a parameter's name in parentheses for a part of the name.
    if (std::string_view("?:@#$").find(token[0]) != std::string_view::npos)
      return "holds a parameter";
    if (token == "," && depth == 0) return "is more than one expression";
    if (token == "(") ++depth;
    if (token == ")" && --depth < 0) return "closes a parenthesis that it has not opened";
    empty = empty && IsBlank(token);
  }
  if (depth != 0) return "does not close a parenthesis that it has opened";
  return empty ? "is empty" : nullptr;
}

}  // namespace

std::optional<std::string> WrongInStoredText(std::string_view type, std::string_view sql) {
  if (sql.find('\0') != std::string_view::npos) return "holds a NUL byte";
  bool begins = false;
  for (const Head& head : kHeads)
    begins = begins || (head.type == type && sql.starts_with(head.text));
  if (!begins) return fmt::format("does not begin as SQLite begins the text of a {}", type);
  if (!HasNoStatement(sql.substr(StatementLength(sql)))) return "is more than one statement";
  return std::nullopt;
}

Result<std::vector<StoredTextProblem>> FindStoredTextProblems(Connection* db) {
  HL_ASSIGN(Statement list, db->Prepare("SELECT type, name, sql FROM main.sqlite_schema WHERE sql "
                                        "IS NOT NULL"));
  std::vector<StoredTextProblem> out;
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) return out;
    const std::string type(list.Text(0));
    if (const auto wrong = WrongInStoredText(type, list.Text(2)))
      out.push_back({type, std::string(list.Text(1)), *wrong});
  }
}

const char* AdviceForStoredTexts() {
  return "SQLite does not write such a text, somebody has put it there (PRAGMA writable_schema): "
         "look at it in sqlite_schema, drop the object and create it again";
}

std::string Describe(const StoredTextProblem& problem) {
  return fmt::format("the stored text of {} {} {}; {}", problem.type, problem.name, problem.what,
                     AdviceForStoredTexts());
}

Result<std::string> AsExpression(std::string_view text) {
  const std::string sql = WithoutComments(text);
  if (const char* wrong = WrongInExpression(sql))
    return MakeError(ErrorCode::kInvalidArgument, "the expression {} {}", sql.substr(0, 200),
                     wrong);
  return fmt::format("({})", sql);
}

Result<std::vector<std::string>> ColumnsRead(Connection* db, const std::string& table,
                                             const std::vector<std::string>& expressions) {
  std::set<std::string, std::less<>> columns;
  int selects = 0;
  const Watch watch(db, [&](const Action& action) {
    if (action.code == SQLITE_SELECT) return ++selects == 1;
    if (action.code == SQLITE_FUNCTION) return IsHarmless(action.second);
    if (action.code != SQLITE_READ || !SameName(action.first, table) || action.database != "main")
      return false;
    if (!action.second.empty()) columns.emplace(action.second);
    return true;
  });
  HL_ASSIGN(const auto lacks,
            db->WhatItLacks(
                fmt::format("SELECT {} FROM main.{}", fmt::join(expressions, ", "), Quote(table))));
  if (lacks) return MakeError(ErrorCode::kInvalidArgument, "{}", *lacks);
  return std::vector<std::string>(columns.begin(), columns.end());
}

Status InsertValueOf(Connection* db, const std::string& temp_table, const std::string& expression) {
  int selects = 0;
  const Watch watch(db, [&](const Action& action) {
    if (action.code == SQLITE_SELECT) return ++selects == 1;
    if (action.code == SQLITE_FUNCTION) return IsHarmless(action.second);
    return action.code == SQLITE_INSERT && action.first == temp_table && action.database == "temp";
  });
  return db->Exec(fmt::format("INSERT INTO temp.{} SELECT {}", Quote(temp_table), expression));
}

void DistrustSchema(Connection* db) {
  sqlite3_db_config(db->raw(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
}

Status CreateTempTrigger(Connection* db, const StoredTrigger& trigger) {
  if (const auto wrong = WrongInStoredText("trigger", trigger.sql))
    return MakeError(ErrorCode::kInvalidArgument, "{}",
                     Describe({"trigger", trigger.name, *wrong}));
  return Create(db, trigger, SQLITE_CREATE_TEMP_TRIGGER,
                "CREATE TEMP TRIGGER " + trigger.sql.substr(kTriggerHead.size()));
}

Status CreateObject(Connection* db, std::string_view type, const StoredTrigger& object) {
  if (const auto wrong = WrongInStoredText(type, object.sql))
    return MakeError(ErrorCode::kInvalidArgument, "its text {}", *wrong);
  if (type == "trigger") return Create(db, object, SQLITE_CREATE_TRIGGER, object.sql);
  const bool is_virtual = object.sql.starts_with(kVirtualHead);
  const Watch watch(db, [&](const Action& action) {
    return is_virtual ? MakesVirtualTable(object, action) : MakesObject(type, object, action);
  });
  return db->Exec(object.sql);
}

Status CreateTrigger(Connection* db, const StoredTrigger& trigger) {
  return Create(db, trigger, SQLITE_CREATE_TRIGGER, trigger.sql);
}

}  // namespace harmonylite::sqlite
