// An application that changes its schema as it likes.
//
// Names are given out once, so that a name stands for one thing; only a node that runs the same
// migration as another one uses a name again. Rows are written by the node that made them, so that
// none loses to a concurrent write.
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "change/image_codec.h"
#include "sim/random.h"
#include "sim/schema_model.h"
#include "sqlite/connection.h"

namespace harmonylite::sim {

// The application's tables, without kNoted.
Result<ShownTables> ReadTables(sqlite::Connection* db);
// Everything that the application has made, one text for each object: equal texts on two nodes mean
// equal objects.
Result<std::vector<std::string>> ReadObjects(sqlite::Connection* db);
Result<ShownRows> ReadRows(sqlite::Connection* db, const ShownTable& table);
// The rows that the sidecar keeps out of a table because UNIQUE has no room for them.
Result<std::vector<change::NamedImage>> ReadShadowed(sqlite::Connection* db,
                                                     const ShownTable& table);
// The values of such a row by column.
std::map<std::string, std::string> ValuesOf(const change::NamedImage& image);

// A migration that another application may run as well. It makes something called `name`.
struct Script {
  std::string sql;
  std::string table;  // must be as it was when the script first ran; it may be what is made
  std::string name;
};

class SchemaApp {
 public:
  // Nothing is owned. `scripts` are the migrations that any application has run.
  SchemaApp(uint64_t node, Random* random, SchemaModel* model, std::vector<Script>* scripts)
      : node_(node), random_(random), model_(model), scripts_(scripts) {}

  // The schema of files that are not empty in the beginning, and the triggers' target, which nobody
  // changes.
  static constexpr const char* kNoted = "noted";
  static constexpr const char* kBase =
      "CREATE TABLE noted(k TEXT PRIMARY KEY, v);"
      "CREATE TABLE base(id TEXT PRIMARY KEY, first, second)";
  static void NoteBase(SchemaModel* model);

  // Changes the schema or rows, in the caller's transaction if there is one. Returns what was done,
  // for the trace; nothing if SQLite refused it as it would have done without HarmonyLite. An error
  // is one that the application would not have had alone (P8), or kRetryLater for a locked file.
  Result<std::optional<std::string>> Step(sqlite::Connection* db);

 private:
  using Text = std::optional<std::string>;
  Result<Text> Migrate(sqlite::Connection* db, const ShownTables& tables);
  Result<Text> Write(sqlite::Connection* db, const ShownTable& table);
  Result<Text> RunAgain(sqlite::Connection* db);
  Result<Text> MakeTable(sqlite::Connection* db);
  Result<Text> DropTable(sqlite::Connection* db, const ShownTable& table);
  Result<Text> RenameTable(sqlite::Connection* db, const ShownTable& table);
  Result<Text> AddColumn(sqlite::Connection* db, const ShownTable& table);
  Result<Text> ChangeColumn(sqlite::Connection* db, const ShownTable& table);
  Result<Text> Rebuild(sqlite::Connection* db, const ShownTable& table);
  Result<Text> MakeOther(sqlite::Connection* db, const ShownTable& table);
  Result<Text> DropOther(sqlite::Connection* db);
  // Runs DDL. Nothing: SQLite refuses it.
  Result<Text> Run(sqlite::Connection* db, const std::string& sql);
  // Runs DDL that makes `name`, for other applications to run it, too.
  Result<Text> RunFirst(sqlite::Connection* db, Script script);
  // A column of the table but the key; nothing if there is none.
  Text AnyColumn(const ShownTable& table);
  // A value that no other write has, or perhaps one of a few that many have.
  std::string NewValue();

  uint64_t node_;
  Random* random_;
  SchemaModel* model_;
  std::vector<Script>* scripts_;
  int64_t rows_ = 0;
  int64_t values_ = 0;
  // Tables of which a column was dropped or renamed, perhaps after the sidecar's last look.
  std::set<std::string> altered_;
};

}  // namespace harmonylite::sim
