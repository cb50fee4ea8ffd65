#include "sim/schema_app.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::sim {

namespace {

using sqlite::Connection;
using Text = std::optional<std::string>;

// Names of HarmonyLite and of SQLite are left out by this condition on a column `name`.
constexpr const char* kOwn =
    "name NOT LIKE '\\_\\_harmony%' ESCAPE '\\' AND "
    "name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

Result<std::vector<std::string>> Strings(Connection* db, const std::string& sql) {
  HL_ASSIGN(auto list, db->Prepare(sql));
  std::vector<std::string> out;
  HL_TRY(list.ForEachRow([&](const sqlite::Statement& row) {
    std::string& line = out.emplace_back();
    for (int i = 0; i < row.columns(); ++i) line += (i == 0 ? "" : "|") + std::string(row.Text(i));
  }));
  return out;
}

// SQLite spells names in quotes when it changes a text.
std::string WithoutQuotes(std::string text) {
  std::erase(text, '"');
  return text;
}

Result<bool> Exists(Connection* db, const std::string& query) {
  HL_ASSIGN(const auto found, Strings(db, query));
  return !found.empty();
}

// True if the sidecar will know the table again when it is rebuilt under its name.
Result<bool> IsRegistered(Connection* db, const ShownTable& table) {
  return Exists(db,
                fmt::format("SELECT 1 FROM __harmonylite__tables WHERE name = '{}'", table.name));
}

// True if the table has the sidecar's triggers, by which it will know it again when it is renamed.
// A table that is rebuilt and renamed between two looks of the sidecar is another one to it
// (docs/decisions/0041-the-schema-is-rows.md).
Result<bool> HasTriggers(Connection* db, const ShownTable& table) {
  return Exists(db, fmt::format("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name GLOB "
                                "'__harmonylite__*' AND tbl_name = '{}'",
                                table.name));
}

// True if the sidecar has seen the table as it is. When a column goes or is renamed, and another
// comes or goes between two looks, nothing may tell which is which.
Result<bool> IsSeen(Connection* db, const ShownTable& table) {
  return Exists(db,
                fmt::format("SELECT 1 FROM __harmonylite__seen s JOIN sqlite_schema t ON s.sql = "
                            "t.sql WHERE t.name = '{}'",
                            table.name));
}

// True if the column has a UNIQUE index, or had one at the sidecar's last look. Until the next one
// SQLite does not drop it (docs/limits.md).
Result<bool> WasUnique(Connection* db, const ShownTable& table, const std::string& column) {
  return Exists(db, fmt::format("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name GLOB "
                                "'__harmonylite__*_before_*' AND tbl_name = '{}' AND sql LIKE "
                                "'%\"{}\"%'",
                                table.name, column));
}

}  // namespace

Result<ShownTables> ReadTables(Connection* db) {
  HL_ASSIGN(const auto names,
            Strings(db, fmt::format("SELECT name FROM sqlite_schema WHERE type = 'table' AND "
                                    "name <> '{}' AND {} ORDER BY name",
                                    SchemaApp::kNoted, kOwn)));
  ShownTables out;
  for (const std::string& name : names) {
    HL_ASSIGN(auto columns,
              Strings(db, fmt::format("SELECT name FROM pragma_table_info('{}')", name)));
    out[name] = {name, std::move(columns)};
  }
  return out;
}

Result<std::vector<std::string>> ReadObjects(Connection* db) {
  HL_ASSIGN(auto out, Strings(db, fmt::format("SELECT type, name, tbl_name, sql FROM sqlite_schema "
                                              "WHERE type NOT IN ('table', 'view') AND {} "
                                              "ORDER BY type, name",
                                              kOwn)));
  HL_ASSIGN(const auto views, Strings(db, fmt::format("SELECT name, sql FROM sqlite_schema WHERE "
                                                      "type = 'view' AND {} ORDER BY name",
                                                      kOwn)));
  // A view stays where its application has dropped the table, and is made nowhere else.
  for (const std::string& view : views)
    if (db->Prepare("SELECT * FROM " + view.substr(0, view.find('|'))).ok()) out.push_back(view);
  for (std::string& text : out) text = WithoutQuotes(std::move(text));
  HL_ASSIGN(const ShownTables tables, ReadTables(db));
  for (const auto& [name, table] : tables) {
    HL_ASSIGN(const auto columns,
              Strings(db, fmt::format("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM "
                                      "pragma_table_xinfo('{}')",
                                      name)));
    out.push_back(fmt::format("table {}: {}", name, fmt::join(columns, ", ")));
  }
  HL_ASSIGN(const auto version, Strings(db, "PRAGMA user_version"));
  out.push_back("user_version " + version.front());
  return out;
}

Result<ShownRows> ReadRows(Connection* db, const ShownTable& table) {
  HL_ASSIGN(auto list, db->Prepare(fmt::format("SELECT * FROM {}", table.name)));
  const auto id = std::find(table.columns.begin(), table.columns.end(), "id");
  const auto key = static_cast<int>(id - table.columns.begin());
  ShownRows out;
  HL_TRY(list.ForEachRow([&](const sqlite::Statement& row) {
    auto& values = out[std::string(row.Text(key))];
    for (int i = 0; i < row.columns(); ++i)
      values[table.columns[static_cast<size_t>(i)]] = row.Text(i);
  }));
  return out;
}

Result<std::vector<change::NamedImage>> ReadShadowed(Connection* db, const ShownTable& table) {
  HL_ASSIGN(
      const auto number,
      Strings(db, fmt::format("SELECT '__harmonylite__s' || t.id FROM __harmonylite__tables t "
                              "JOIN sqlite_schema s ON s.name = '__harmonylite__s' || t.id "
                              "WHERE t.name = '{}'",
                              table.name)));
  std::vector<change::NamedImage> out;
  if (number.empty()) return out;
  HL_ASSIGN(auto list, db->Prepare("SELECT image FROM " + number.front()));
  HL_TRY(list.ForEachRow([&](const sqlite::Statement& row) -> Status {
    HL_ASSIGN(out.emplace_back(), change::DecodeImage(row.Column(0).bytes));
    return Ok();
  }));
  return out;
}

std::map<std::string, std::string> ValuesOf(const change::NamedImage& image) {
  std::map<std::string, std::string> out;
  for (size_t i = 0; i < image.columns.size(); ++i)
    out[image.columns[i]] = image.values[i].view().bytes;
  return out;
}

void SchemaApp::NoteBase(SchemaModel* model) {
  model->Made("base");
  model->Added("base", "first");
  model->Added("base", "second");
}

Result<Text> SchemaApp::Step(Connection* db) {
  HL_ASSIGN(const ShownTables tables, ReadTables(db));
  const bool writes = !tables.empty() && random_->Chance(0.6);
  if (!writes) return Migrate(db, tables);
  const auto table = std::next(tables.begin(), random_->Below(std::ssize(tables)));
  return Write(db, table->second);
}

Result<Text> SchemaApp::Migrate(Connection* db, const ShownTables& tables) {
  const int64_t what = random_->Below(20);
  if (tables.empty() || what < 2) return MakeTable(db);
  const ShownTable& table = std::next(tables.begin(), random_->Below(std::ssize(tables)))->second;
  if (what < 3) return DropTable(db, table);
  if (what < 5) return RenameTable(db, table);
  if (what < 8) return AddColumn(db, table);
  if (what < 11) return ChangeColumn(db, table);
  if (what < 13) return Rebuild(db, table);
  if (what < 16) return MakeOther(db, table);
  if (what < 17) return DropOther(db);
  if (what < 18) return Run(db, fmt::format("PRAGMA user_version = {}", random_->Between(1, 99)));
  return RunAgain(db);
}

// What goes wrong with names of ours in the message would not have gone wrong without us.
Result<Text> SchemaApp::Run(Connection* db, const std::string& sql) {
  HL_TRY(db->Exec("SAVEPOINT step"));
  Status done = sqlite::ExecAll(db, sql);
  if (!done.ok()) HL_TRY(db->Exec("ROLLBACK TO step"));
  HL_TRY(db->Exec("RELEASE step"));
  if (done.ok()) return Text(sql);
  const Error& error = done.error();
  const bool ours = error.message().find("harmonylite") != std::string::npos;
  if (ours || error.code() == ErrorCode::kRetryLater) return error.Copy().Wrap(sql);
  return Text();
}

Result<Text> SchemaApp::RunFirst(Connection* db, Script script) {
  HL_ASSIGN(Text done, Run(db, script.sql));
  if (done) scripts_->push_back(std::move(script));
  return done;
}

Result<Text> SchemaApp::RunAgain(Connection* db) {
  if (scripts_->empty()) return Text();
  const Script& script = (*scripts_)[static_cast<size_t>(random_->Below(std::ssize(*scripts_)))];
  if (!model_->IsUntouched(script.table) || !model_->IsUntouched(script.name)) return Text();
  return Run(db, script.sql);
}

Result<Text> SchemaApp::MakeTable(Connection* db) {
  const std::string name = model_->NewName('t');
  const std::string column = model_->NewName('c');
  static constexpr const char* kEnds[] = {"", " WITHOUT ROWID", " STRICT"};
  const std::string sql = fmt::format("CREATE TABLE {}(id TEXT PRIMARY KEY NOT NULL, {} TEXT){}",
                                      name, column, kEnds[random_->Below(3)]);
  HL_ASSIGN(Text done, RunFirst(db, {sql, name, name}));
  if (!done) return done;
  model_->Made(name);
  model_->Added(name, column);
  return done;
}

Result<Text> SchemaApp::DropTable(Connection* db, const ShownTable& table) {
  HL_ASSIGN(ShownRows rows, ReadRows(db, table));
  HL_ASSIGN(const auto shadowed, ReadShadowed(db, table));
  for (const change::NamedImage& image : shadowed) {
    auto values = ValuesOf(image);
    rows[values["id"]] = std::move(values);
  }
  HL_ASSIGN(Text done, Run(db, "DROP TABLE " + table.name));
  if (done) model_->DroppedTable(table.name, rows);
  return done;
}

Result<Text> SchemaApp::RenameTable(Connection* db, const ShownTable& table) {
  HL_ASSIGN(const bool known, HasTriggers(db, table));
  if (!known) return Text();
  const std::string name = model_->NewName('t');
  HL_ASSIGN(Text done, Run(db, fmt::format("ALTER TABLE {} RENAME TO {}", table.name, name)));
  if (done) model_->Renamed(table.name, name);
  if (done && altered_.erase(table.name) > 0) altered_.insert(name);
  return done;
}

Result<Text> SchemaApp::AddColumn(Connection* db, const ShownTable& table) {
  HL_ASSIGN(const bool seen, IsSeen(db, table));
  if (seen) altered_.erase(table.name);
  const std::string name = model_->NewName('c');
  static constexpr const char* kTypes[] = {"TEXT", "TEXT DEFAULT 'd'", "ANY",
                                           "TEXT NOT NULL DEFAULT ''"};
  const std::string sql =
      fmt::format("ALTER TABLE {} ADD COLUMN {} {}", table.name, name, kTypes[random_->Below(4)]);
  HL_ASSIGN(Text done, RunFirst(db, {sql, table.name, name}));
  if (done) model_->Added(table.name, name);
  // Beside one that was dropped or renamed since the sidecar's last look, it may be taken for that.
  if (done && altered_.contains(table.name)) model_->Dropped(name);
  return done;
}

Text SchemaApp::AnyColumn(const ShownTable& table) {
  std::vector<std::string> columns = table.columns;
  std::erase(columns, "id");
  if (columns.empty()) return std::nullopt;
  return columns[static_cast<size_t>(random_->Below(std::ssize(columns)))];
}

Result<Text> SchemaApp::ChangeColumn(Connection* db, const ShownTable& table) {
  const Text column = AnyColumn(table);
  HL_ASSIGN(const bool seen, IsSeen(db, table));
  if (!column || !seen) return Text();
  if (random_->Chance(0.4)) {
    HL_ASSIGN(const bool unique, WasUnique(db, table, *column));
    if (unique) return Text();
    HL_ASSIGN(Text done,
              Run(db, fmt::format("ALTER TABLE {} DROP COLUMN {}", table.name, *column)));
    if (done) model_->Dropped(*column);
    if (done) altered_.insert(table.name);
    return done;
  }
  const std::string name = model_->NewName('c');
  HL_ASSIGN(Text done, Run(db, fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", table.name,
                                           *column, name)));
  if (done) model_->Renamed(*column, name);
  if (done) altered_.insert(table.name);
  return done;
}

// SQLite's documented way to change what ALTER TABLE cannot: perhaps without one column, perhaps
// with a new one, and with the columns in another order.
Result<Text> SchemaApp::Rebuild(Connection* db, const ShownTable& table) {
  std::vector<std::string> columns = table.columns;
  std::erase(columns, "id");
  HL_ASSIGN(const bool known, IsRegistered(db, table));
  HL_ASSIGN(const bool seen, IsSeen(db, table));
  if (!known || !seen) return Text();
  const Text left_out = random_->Chance(0.3) ? AnyColumn(table) : std::nullopt;
  if (left_out) std::erase(columns, *left_out);
  if (columns.size() > 1 && random_->Chance(0.5)) std::swap(columns.front(), columns.back());
  std::string definitions;
  std::string names = "id";
  const bool unique = random_->Chance(0.15);
  for (const std::string& column : columns) {
    const bool once = unique && column == columns.front();
    definitions += fmt::format(", {} TEXT{}", column, once ? " UNIQUE" : "");
    names += ", " + column;
  }
  const Text added = random_->Chance(0.3) ? Text(model_->NewName('c')) : std::nullopt;
  if (added) definitions += fmt::format(", {} TEXT DEFAULT 'r'", *added);
  const std::string anew = model_->NewName('n');
  const std::string sql = fmt::format(
      "CREATE TABLE {0}(id TEXT PRIMARY KEY NOT NULL{1}); INSERT INTO {0}({2}) SELECT {2} FROM {3};"
      "DROP TABLE {3}; ALTER TABLE {0} RENAME TO {3}",
      anew, definitions, names, table.name);
  HL_ASSIGN(Text done, Run(db, sql));
  if (done && left_out) model_->Dropped(*left_out);
  if (done && left_out) altered_.insert(table.name);
  if (done && added) model_->Added(table.name, *added);
  if (done && added && left_out) model_->Dropped(*added);  // it may be taken for the other one
  return done;
}

Result<Text> SchemaApp::MakeOther(Connection* db, const ShownTable& table) {
  const Text column = AnyColumn(table);
  if (!column) return Text();
  switch (random_->Below(4)) {
    case 0:
    case 1: {
      const std::string name = model_->NewName('i');
      static constexpr const char* kHeads[] = {"", "UNIQUE "};
      static constexpr const char* kTerms[] = {"{}", "upper({})", "{} COLLATE NOCASE"};
      const std::string terms = fmt::format(fmt::runtime(kTerms[random_->Below(3)]), *column);
      return RunFirst(db, {fmt::format("CREATE {}INDEX {} ON {}({})", kHeads[random_->Below(2)],
                                       name, table.name, terms),
                           table.name, name});
    }
    case 2: {
      const std::string name = model_->NewName('v');
      return RunFirst(
          db, {fmt::format("CREATE VIEW {} AS SELECT id, {} FROM {}", name, *column, table.name),
               table.name, name});
    }
    default: {
      HL_ASSIGN(const auto target, Strings(db, "SELECT 1 FROM sqlite_schema WHERE name = 'noted'"));
      if (target.empty()) return Text();
      const std::string name = model_->NewName('g');
      return Run(db, fmt::format("CREATE TRIGGER {} AFTER INSERT ON {} BEGIN INSERT OR REPLACE "
                                 "INTO noted VALUES('{}', NEW.{}); END",
                                 name, table.name, name, *column));
    }
  }
}

Result<Text> SchemaApp::DropOther(Connection* db) {
  HL_ASSIGN(
      const auto others,
      Strings(db, fmt::format("SELECT 'DROP ' || type || ' ' || name FROM sqlite_schema WHERE "
                              "type <> 'table' AND {} ORDER BY name",
                              kOwn)));
  if (others.empty()) return Text();
  return Run(db, others[static_cast<size_t>(random_->Below(std::ssize(others)))]);
}

std::string SchemaApp::NewValue() {
  if (random_->Chance(0.2)) return fmt::format("shared {}", random_->Below(4));
  return fmt::format("{} of {}", ++values_, node_);
}

// Writes or deletes a row that this node made, in some columns.
Result<Text> SchemaApp::Write(Connection* db, const ShownTable& table) {
  // Whether a row was written while its table had no triggers cannot be told once a column is gone
  // (docs/limits.md), so nothing is written between rebuilding a table and the sidecar's next look.
  HL_ASSIGN(const bool registered, IsRegistered(db, table));
  HL_ASSIGN(const bool captured, HasTriggers(db, table));
  if (registered && !captured) return Text();
  HL_ASSIGN(const ShownRows shown, ReadRows(db, table));
  std::vector<std::string> own;
  for (const auto& [id, values] : shown)
    if (id.starts_with(fmt::format("{}-", node_))) own.push_back(id);
  const bool is_new = own.empty() || random_->Chance(0.4);
  const std::string id = is_new ? fmt::format("{}-{}", node_, ++rows_)
                                : own[static_cast<size_t>(random_->Below(std::ssize(own)))];
  std::string sql;
  std::map<std::string, std::string> values;
  if (!is_new && random_->Chance(0.15)) {
    sql = fmt::format("DELETE FROM {} WHERE id = '{}'", table.name, id);
  } else {
    std::string names = "id";
    std::string literals = fmt::format("'{}'", id);
    std::string sets;
    for (const std::string& column : table.columns) {
      if (column == "id" || random_->Chance(0.3)) continue;
      const std::string value = NewValue();
      values[column] = value;
      names += ", " + column;
      literals += fmt::format(", '{}'", value);
      sets += fmt::format("{}{} = '{}'", sets.empty() ? "" : ", ", column, value);
    }
    if (!is_new && sets.empty()) return Text();
    sql = is_new ? fmt::format("INSERT INTO {}({}) VALUES({})", table.name, names, literals)
                 : fmt::format("UPDATE {} SET {} WHERE id = '{}'", table.name, sets, id);
  }
  Status written = db->Exec(sql);
  if (db->constraint_was_unique()) return Text();
  if (!written.ok()) return std::move(written).error().Wrap(sql);
  if (sql.starts_with("DELETE"))
    model_->Deleted(id);
  else
    model_->Wrote(table.name, id, values);
  return Text(sql);
}

}  // namespace harmonylite::sim
