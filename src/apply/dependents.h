// Views, triggers and indexes while the tables that they name change. SQLite changes no table whose
// change would break a view or a trigger, so these are taken off and made again afterwards, as far
// as they then have all that they name.
//
// Threads: the rule of the connection.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ledger/schema_table.h"
#include "schema/objects.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// Takes rows out of an index's table so that the UNIQUE index of this text can be made. Returns
// false if it cannot.
using MakeRoom = std::function<Result<bool>(const schema::ObjectRow& index, const std::string&)>;

class Dependents {
 public:
  // Nothing is owned. Objects of `present` that this takes off are erased there. Only what is in
  // `wanted` is taken off, and no views and triggers unless `code`.
  Dependents(sqlite::Connection* db, const ledger::ObjectRows& wanted, bool code,
             ledger::SeenObjects* present, MakeRoom make_room)
      : db_(db),
        wanted_(wanted),
        code_(code),
        present_(present),
        make_room_(std::move(make_room)) {}

  // Drops views and triggers that do not compile: no table can be renamed beside them.
  Status DropBroken();
  // Drops views and triggers, and remembers their texts, and those of indexes, as they are now.
  // Where tables were renamed, SQLite has changed them.
  Status TakeOff();
  // Makes the view, trigger or index, unless it would then not compile: a view or trigger that
  // names a missing table or column makes statements of the application fail, and keeps SQLite from
  // changing other tables. Returns why it was not made; empty: it was. What only the application
  // has, such as a function of its own, is no reason.
  Result<std::string> Make(const schema::ObjectRow& wanted);
  // Takes note of the text of an object that stayed.
  void NoteText(const schema::ObjectRow& wanted, const std::string& sql);
  // The objects whose texts here are not what their rows say, because tables or columns that they
  // name were renamed, with these texts.
  const std::vector<schema::ObjectRow>& reworded() const { return reworded_; }

 private:
  // True if the object may be taken off.
  bool IsOurs(const schema::ObjectId& key) const;
  Status Drop(const schema::ObjectId& key);
  // Returns why it was not made; nothing: it was.
  Result<std::optional<std::string>> MakeOf(const schema::ObjectRow& wanted,
                                            const std::string& sql);

  sqlite::Connection* db_;
  const ledger::ObjectRows& wanted_;
  bool code_;
  ledger::SeenObjects* present_;
  MakeRoom make_room_;
  std::map<schema::ObjectId, std::string> texts_;  // of what was taken off, and of indexes
  std::vector<schema::ObjectRow> reworded_;
};

}  // namespace harmonylite::apply
