#include "capture/identity_triggers.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "ledger/row_identity.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using ledger::kRowidsHold;
using sqlite::Quote;

// Writes the statements of one table's triggers. `place`, `from` and `to` are SQL expressions for
// rowids.
class Body {
 public:
  Body(int64_t table_id, const schema::Table& table)
      : table_id_(table_id),
        map_(Quote(ledger::RowMapName(table_id))),
        rows_(fmt::format("SELECT 1 FROM {} WHERE {}", Quote(table.name), table.identity->rowid)) {}

  // An SQL condition: a trigger of the application, which fired before, has not deleted the row.
  std::string IsThere(std::string_view place) const {
    return fmt::format("EXISTS({} = {})", rows_, place);
  }

  // Gives the row an identity if it has none. It has one already if REPLACE removed a row with the
  // same rowid, which fires no trigger: then it counts as that row with other values.
  std::string Identify(std::string_view place) const {
    return fmt::format(
        "INSERT INTO {0}(local, k1) SELECT {1}, {2} WHERE NOT EXISTS(SELECT 1 FROM {0} WHERE "
        "local = {1}) AND {3}; ",
        map_, place, ledger::DrawnIdentity(place), IsThere(place));
  }

  // Journals the identity of the row that has this rowid by the row map.
  std::string Journal(std::string_view place) const {
    return fmt::format(
        "INSERT INTO __harmonylite__journal(tbl, op, hlc, k1) SELECT {}, {}, {}, k1 FROM {} WHERE "
        "local = {}; ",
        table_id_, static_cast<int64_t>(JournalOp::kChange), NextStamp(), map_, place);
  }

  std::string Forget(std::string_view place) const {
    return fmt::format("DELETE FROM {} WHERE local = {}; ", map_, place);
  }

  std::string Move(std::string_view from, std::string_view to) const {
    return fmt::format("UPDATE {} SET local = {} WHERE local = {}; ", map_, to, from);
  }

  // Journals a rowid and the identity of the row, should it be a new one. `condition` is an SQL
  // expression.
  std::string JournalPlace(JournalOp op, std::string_view place, std::string_view condition) const {
    return fmt::format(
        "INSERT INTO __harmonylite__journal(tbl, op, hlc, k1) SELECT {}, {}, {}, {} WHERE {}; ",
        table_id_, static_cast<int64_t>(op), NextStamp(), ledger::PlaceWithIdentity(place),
        condition);
  }

 private:
  int64_t table_id_;
  std::string map_;
  std::string rows_;  // a query for the row with a rowid, which is to follow behind a '='
};

// Journals that VACUUM has run, once for each time, and sets the rowid mark so that it shows the
// next time.
std::string NoteRenumbering() {
  return fmt::format(
      "INSERT INTO __harmonylite__journal(tbl, op, hlc) SELECT 0, {}, {} WHERE {}; {} ",
      static_cast<int64_t>(JournalOp::kRenumbered), NextStamp(), ledger::kRenumberingUnnoted,
      ledger::kNoteRenumbering);
}

}  // namespace

// An update that changes the rowid has a trigger of its own. REPLACE may then have removed the row
// that had the new rowid.
std::vector<TriggerText> IdentityTriggers(int64_t table_id, const schema::Table& table) {
  const Body body(table_id, table);
  const std::string before = "OLD." + table.identity->rowid;
  const std::string now = "NEW." + table.identity->rowid;
  const std::string moved = fmt::format("{} <> {}", now, before);
  const std::string hold = kRowidsHold;
  const std::string changed = "NOT " + hold;

  std::vector<TriggerText> out;
  const auto add = [&](const char* kind, const char* event, const std::string& condition,
                       std::string text) {
    text.pop_back();
    out.push_back(MakeTrigger(table_id, kind, table, event, condition, text));
  };
  add("insert", "AFTER INSERT", hold, body.Identify(now) + body.Journal(now));
  add("update", "AFTER UPDATE", hold + " AND NOT " + moved, body.Identify(now) + body.Journal(now));
  add("update_key", "AFTER UPDATE", hold + " AND " + moved,
      body.Journal(now) + body.Forget(now) + body.Move(before, now) + body.Identify(now) +
          body.Journal(now));
  add("delete", "AFTER DELETE", hold, body.Journal(before) + body.Forget(before));

  const std::string note = NoteRenumbering();
  add("insert_place", "AFTER INSERT", changed,
      note + body.JournalPlace(JournalOp::kPlaceWritten, now, body.IsThere(now)));
  add("update_place", "AFTER UPDATE", changed,
      note + body.JournalPlace(JournalOp::kPlaceLeft, before, moved) +
          body.JournalPlace(JournalOp::kPlaceWritten, now, body.IsThere(now)));
  add("delete_place", "AFTER DELETE", changed,
      note + body.JournalPlace(JournalOp::kPlaceLeft, before, "1"));
  return out;
}

}  // namespace harmonylite::capture
