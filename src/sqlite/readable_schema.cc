#include "sqlite/readable_schema.h"

#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sqlite/identifier.h"

namespace harmonylite::sqlite {

namespace {

constexpr std::string_view kRefused = "malformed database schema";

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using OwnedStatement = std::unique_ptr<sqlite3_stmt, Finalize>;

int Prepare(sqlite3* db, const std::string& sql, OwnedStatement* out) {
  sqlite3_stmt* statement = nullptr;
  const int rc = sqlite3_prepare_v2(db, sql.c_str(), static_cast<int>(sql.size()), &statement,
                                    /*pzTail=*/nullptr);
  out->reset(statement);
  return rc;
}

std::string Text(sqlite3_stmt* statement, int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr ? "" : text;
}

// Returns what SQLite does not understand in a stored text; nothing if it understands all of it.
// The text is compiled and never run.
std::optional<std::string> WhyUnreadable(sqlite3* db, const std::string& sql) {
  OwnedStatement unused;
  if (Prepare(db, sql, &unused) == SQLITE_OK) return std::nullopt;
  return sqlite3_errmsg(db);
}

// An object that may be missing, and its stored text.
struct Suspect {
  UnreadableObject object;
  std::string sql;
};

// Lists the tables, views and indexes that are not in the loaded schema, and all triggers.
int ListSuspects(sqlite3* db, std::vector<Suspect>* out) {
  OwnedStatement list;
  int rc =
      Prepare(db,
              "SELECT s.type, s.name, s.tbl_name, s.sql FROM main.sqlite_schema s WHERE "
              "CASE s.type WHEN 'trigger' THEN true WHEN 'index' THEN NOT EXISTS(SELECT 1 FROM "
              "pragma_index_list(s.tbl_name) i WHERE lower(i.name) = lower(s.name)) "
              "ELSE lower(s.name) NOT IN (SELECT lower(name) FROM pragma_table_list "
              "WHERE schema = 'main') END",
              &list);
  while (rc == SQLITE_OK) {
    const int step = sqlite3_step(list.get());
    if (step == SQLITE_DONE) return SQLITE_OK;
    if (step != SQLITE_ROW) return step;
    out->push_back(
        {{Text(list.get(), 0), Text(list.get(), 1), Text(list.get(), 2), {}}, Text(list.get(), 3)});
  }
  return rc;
}

bool HasTrigger(sqlite3* db, const std::string& name) {
  OwnedStatement unused;
  return Prepare(db, "EXPLAIN DROP TRIGGER main." + Quote(name), &unused) == SQLITE_OK;
}

}  // namespace

// SQLite knows this state for tools that repair a schema. A connection that is defensive stays so.
Tolerance::Tolerance(sqlite3* db) : db_(db) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, nullptr);
}

Tolerance::~Tolerance() { sqlite3_db_config(db_, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0, nullptr); }

int ListUnreadable(sqlite3* db, std::vector<UnreadableObject>* out) {
  std::vector<Suspect> suspects;
  if (const int rc = ListSuspects(db, &suspects); rc != SQLITE_OK) return rc;
  std::set<std::string> tables;  // unreadable ones, in folded case
  for (const Suspect& suspect : suspects)
    if (suspect.object.type == "table") tables.insert(FoldCase(suspect.object.name));
  for (Suspect& suspect : suspects) {
    UnreadableObject& object = suspect.object;
    const bool is_table = object.type == "table";
    if (!is_table && tables.contains(FoldCase(object.table))) continue;
    if (object.type == "trigger" && HasTrigger(db, object.name)) continue;
    const std::optional<std::string> why = WhyUnreadable(db, suspect.sql);
    if (!why) return SQLITE_ABORT;
    object.why = *why;
    out->push_back(std::move(object));
  }
  return SQLITE_OK;
}

bool LoadReadable(sqlite3* db, int rc, bool* partial) {
  if ((rc & 0xFF) != SQLITE_CORRUPT || !std::string_view(sqlite3_errmsg(db)).starts_with(kRefused))
    return false;
  {
    const Tolerance tolerance(db);
    sqlite3_exec(db, "SELECT 1 FROM main.sqlite_schema LIMIT 1", nullptr, nullptr, nullptr);
  }
  std::vector<UnreadableObject> missing;
  const bool known = ListUnreadable(db, &missing) == SQLITE_OK && !missing.empty();
  const bool index = std::any_of(missing.begin(), missing.end(),
                                 [](const UnreadableObject& one) { return one.type == "index"; });
  if (known && !index)
    *partial = true;
  else  // The connection forgets what it has loaded, and refuses the schema again.
    sqlite3_exec(db, "PRAGMA writable_schema = RESET", nullptr, nullptr, nullptr);
  return true;
}

int StepOrLoad(sqlite3_stmt* statement, bool* partial) {
  const int rc = sqlite3_step(statement);
  if (rc == SQLITE_ROW || rc == SQLITE_DONE) return rc;
  if (!LoadReadable(sqlite3_db_handle(statement), rc, partial)) return rc;
  sqlite3_reset(statement);
  return sqlite3_step(statement);
}

}  // namespace harmonylite::sqlite
