// Brings this file's schema in line with the rows of the hidden table `schema`, which all nodes
// share (ledger/schema_table.h). Part of applying a batch that changes such rows.
//
// It takes the cheapest way that SQLite has: ADD, RENAME and DROP COLUMN, RENAME, CREATE and DROP;
// and else the documented way of making a table anew: a new table, its rows copied by the
// identities of their columns, the old one dropped, the new one renamed. Versions stay. What was
// reached is compared with what was wanted.
// Threads: the rule of the connection.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apply/dependents.h"
#include "apply/room_maker.h"
#include "apply/set_aside.h"
#include "base/ids.h"
#include "base/result.h"
#include "ledger/catalog.h"
#include "ledger/hidden_tables.h"
#include "ledger/schema_table.h"
#include "schema/follow.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct FollowReport {
  std::vector<std::string> done;  // for the log, such as "table notes: made"
  std::map<std::string, std::string>
      left_out;               // what cannot be made here, such as "index i", and why
  std::set<int64_t> altered;  // tables whose columns changed, by TrackedTable::id
  std::set<int64_t> rebuilt;  // those of them that lost their triggers
  int64_t set_aside = 0;      // rows that are kept as conflicts because their table went
  // Rows that were taken out because UNIQUE has no room for them, as their tables are now, by
  // TrackedTable::id. Each is still to be kept as shadowed, or is lost.
  RowsWithoutRoom clashing;
  // Views, triggers and indexes whose texts name renamed tables or columns, with the new texts.
  // Other nodes may know only the former names.
  std::vector<schema::ObjectRow> reworded;
};

class SchemaFollower {
 public:
  // Nothing is owned. `catalog` is that of the file as it is.
  SchemaFollower(sqlite::Connection* db, const ledger::Catalog& catalog,
                 const schema::FollowOptions& options)
      : db_(db), catalog_(catalog), options_(options) {}

  // Does everything. In the caller's write transaction, when all of the journal is folded, the
  // application's triggers are off and no statement is running. After an error the transaction must
  // be rolled back. kSchemaMismatch: a table cannot be brought in line; the message says why.
  Result<FollowReport> Run(const AmongApplied& among);

 private:
  using Row = schema::ObjectRow;
  using Step = Status (SchemaFollower::*)();

  // Leaves alone what nobody but a forger names: objects under reserved names, or of such tables.
  void LeaveReserved();
  Status DropWhatDiffers();
  // True if a table is to go, or to be another one.
  Result<bool> TablesChange();
  // Everything that is done with tables that are there.
  Status BringTablesInLine();
  // Keeps the rows of tables and columns that are to go and that their droppers had not seen.
  Status SetAside();
  Status RenameTables();
  Status DropTables();
  Status ChangeTables();
  Status ChangeTable(const ledger::SeenObject& seen, const Row& wanted);
  Status Rebuild(const ledger::SeenObject& seen, const Row& wanted);
  Status CreateTables();
  Status CreateOthers();
  Status SetPragmas();
  Status CheckTables();
  // Tries to make a table. What SQLite cannot make here is left out and said.
  Status Create(const Row& wanted);
  bool Drops() const { return options_.follow == schema::Follow::kAll; }
  void Done(const Row& row, std::string_view what);
  void NoteAltered(const ledger::SeenObject& seen, const Row& wanted);

  sqlite::Connection* db_;
  const ledger::Catalog& catalog_;
  const schema::FollowOptions& options_;
  const AmongApplied* among_ = nullptr;
  ledger::ObjectRows all_;
  ledger::ObjectRows wanted_;    // all_ without what was dropped
  ledger::SeenObjects present_;  // follows what is done
  RoomMaker room_{db_, catalog_, wanted_, present_};
  std::optional<Dependents> dependents_;
  FollowReport report_;
};

}  // namespace harmonylite::apply
