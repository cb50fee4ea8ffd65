// The statements of the simulated application. They cover every kind of write (upserts, REPLACE,
// changes of keys, cascades, swaps of unique values) and keep the invariants that the checkers
// check.
#include <fmt/format.h>

#include <array>

#include "ledger/hidden_tables.h"
#include "sim/app.h"

namespace harmonylite::sim {

using change::Value;
using change::ValueView;

namespace {

constexpr int64_t kStatements = 15;

Value Int(int64_t number) { return Value(ValueView::Integer(number)); }
Value Text(std::string_view text) { return Value(ValueView::Text(text)); }

}  // namespace

TableGroup App::GroupOf(int64_t statement) const {
  static constexpr std::array<TableGroup, kStatements> kGroups = {
      TableGroup::kMoney,  TableGroup::kMoney,  TableGroup::kAlways, TableGroup::kNames,
      TableGroup::kNames,  TableGroup::kPairs,  TableGroup::kFamily, TableGroup::kFamily,
      TableGroup::kAlways, TableGroup::kAlways, TableGroup::kPeople, TableGroup::kPeople,
      TableGroup::kAlways, TableGroup::kNotes,  TableGroup::kLinks};
  return kGroups[static_cast<size_t>(statement)];
}

Status App::RandomStatement() {
  int64_t statement = random_->Below(kStatements);
  while (!tables_.Has(GroupOf(statement))) statement = random_->Below(kStatements);
  switch (statement) {
    case 14:
      return WriteLinks();
    case 13:
      return WriteNotes();
    case 12:
      return WriteLater();
    case 10:
    case 11:
      return WritePeople();
    case 0:
      return Transfer();
    case 1:
      return level_ >= kLevelOfLater && random_->Chance(0.5) ? WriteLater() : Count();
    case 2:
      return Chain();
    case 3:
    case 4:
      return WriteNames();
    case 5:
      return WritePairs();
    case 6:
    case 7:
      return WriteFamily();
    default:
      return WriteKv();
  }
}

Status App::Run(const std::string& sql, const change::Row& values) {
  auto run = [&]() -> Status {
    HL_ASSIGN(auto statement, db_->PrepareCached(sql));
    for (size_t i = 0; i < values.size(); ++i)
      statement->Bind(static_cast<int>(i) + 1, values[i].view());
    return statement->Run();
  };
  Status ran = run();
  if (ran.ok() || ran.error().code() == ErrorCode::kConflict) return Ok();
  return std::move(ran).error().Wrap(sql);
}

Value App::AnyValue() {
  switch (random_->Below(9)) {
    case 0:
      return Value();
    case 1:
      return Value(ValueView::Real(static_cast<double>(random_->Below(100)) + 0.5));
    case 2:
      return Value(
          ValueView::Blob(std::string{static_cast<char>(random_->Below(256)), '\0', '\xff'}));
    case 3:
      return Text("");
    case 4:
      // Some texts are longer than a page of the database.
      return Text(std::string(random_->Below(random_->Chance(0.1) ? 9'000 : 600), '\0'));
    case 5:
      return Text(fmt::format("{:0>{}}", random_->Below(1000), random_->Between(1, 300)));
    case 6:
      return Int(static_cast<int64_t>(random_->Next()));
    default:
      return Int(random_->Below(1'000'000));
  }
}

// Moves an amount from one of the owner's accounts to another, so that their sum never changes. The
// owner is this life of the machine, and nobody else writes its rows.
Status App::Transfer() {
  const Value who = Int(node_->who());
  HL_ASSIGN(auto have, db_->PrepareCached("SELECT count(*) FROM accounts WHERE owner = ?1"));
  have->Bind(1, who.view());
  HL_ASSIGN(const bool row, have->Step());
  HL_CHECK(row);
  if (have->Int(0) == 0) {
    for (int i = 0; i < kAccounts; ++i)
      HL_TRY(Run("INSERT INTO accounts VALUES(?1, ?2, ?3)", {who, Int(i), Int(kBalance)}));
    return Ok();
  }
  const int64_t from = random_->Below(kAccounts);
  const int64_t to = (from + random_->Between(1, kAccounts - 1)) % kAccounts;
  const int64_t amount = random_->Between(1, 50);
  const std::string move = "UPDATE accounts SET balance = balance + ?1 WHERE owner = ?2 AND i = ?3";
  HL_TRY(Run(move, {Int(-amount), who, Int(from)}));
  return Run(move, {Int(amount), who, Int(to)});
}

// Counts up in two tables at once. Nobody may ever see the two rows with different numbers.
Status App::Count() {
  for (const char* table : {"counter_left", "counter_right"})
    HL_TRY(Run(fmt::format("INSERT INTO {}(who, n) VALUES(?1, 1) ON CONFLICT(who) DO UPDATE SET "
                           "n = n + 1",
                           table),
               {Int(node_->who())}));
  return Ok();
}

// Counts up, and writes down which number of another writer's row was visible then. A node that
// shows this row must show at least that number of the other one.
Status App::Chain() {
  return Run(
      "INSERT INTO chain(who, n, saw_who, saw_n) SELECT ?1, 1, s.who, s.n FROM (SELECT 1) "
      "LEFT JOIN (SELECT who, n FROM chain WHERE who <> ?1 ORDER BY (who * ?2) % 101 LIMIT 1) "
      "s WHERE true ON CONFLICT(who) DO UPDATE SET n = n + 1, saw_who = excluded.saw_who, "
      "saw_n = excluded.saw_n",
      {Int(node_->who()), Int(random_->Between(1, 100))});
}

Status App::WriteKv() {
  const Value id = Int(random_->Between(1, 8));
  const Value other = Int(random_->Between(1, 8));
  switch (random_->Below(9)) {
    case 0:
      return Run("INSERT INTO kv(id, v) VALUES(?1, ?2)", {id, AnyValue()});
    case 1:
      return Run("INSERT OR REPLACE INTO kv(id, v) VALUES(?1, ?2)", {id, AnyValue()});
    case 2:
      if (level_ >= kLevelWithoutW) return Run("DELETE FROM kv WHERE id > 6", {});
      return Run(
          "INSERT INTO kv(id, v, w) VALUES(?1, ?2, 'u') ON CONFLICT(id) "
          "DO UPDATE SET v = excluded.v, w = CURRENT_TIMESTAMP",
          {id, AnyValue()});
    case 3:
      return Run("UPDATE kv SET v = ?2 WHERE id = ?1", {id, AnyValue()});
    case 4:
      return Run("UPDATE kv SET id = ?2 WHERE id = ?1", {id, other});
    case 5:
      return Run("UPDATE OR REPLACE kv SET id = ?2 WHERE id = ?1", {id, other});
    case 6:
      return Run("DELETE FROM kv WHERE id = ?1", {id});
    case 7:
      return Run("UPDATE kv SET v = ?2 WHERE id % 3 = ?1 % 3", {id, AnyValue()});
    default:
      if (level_ < kLevelOfX) return Run("DELETE FROM kv WHERE id BETWEEN ?1 AND ?1 + 2", {id});
      return Run("INSERT OR REPLACE INTO kv(id, v, x) VALUES(?1, ?2, ?3)",
                 {id, AnyValue(), AnyValue()});
  }
}

Status App::WriteNames() {
  HL_ASSIGN(const bool ready, HasTriggers("names"));
  if (!ready) return Ok();
  // The key ignores case, so two spellings may name the same row. Only ASCII letters count: é and É
  // differ.
  static constexpr const char* kNames[] = {"ada", "Ada", "ADA", "bob", "BoB", "cyd", "", "é", "É"};
  const Value name = Text(kNames[random_->Below(9)]);
  const Value other = Text(kNames[random_->Below(9)]);
  switch (random_->Below(7)) {
    case 0:
      return Run("INSERT INTO names VALUES(?1, ?2)", {name, AnyValue()});
    case 1:
      return Run("INSERT OR REPLACE INTO names VALUES(?1, ?2)", {name, AnyValue()});
    case 2:
      return Run("INSERT INTO names VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET v = excluded.v",
                 {name, AnyValue()});
    case 3:
      return Run("UPDATE names SET v = ?2 WHERE name = ?1", {name, AnyValue()});
    case 4:
      return Run("UPDATE names SET name = ?2 WHERE name = ?1", {name, other});
    case 5:
      return Run("UPDATE OR REPLACE names SET name = ?2 WHERE name = ?1", {name, other});
    default:
      return Run("DELETE FROM names WHERE name = ?1", {name});
  }
}

// Lets SQLite give out ids, and notes which of them no other node may ever give out.
Status App::WriteNotes() {
  const int64_t what = random_->Below(8);
  if (what == 6)
    return Run("UPDATE notes SET v = ?1 WHERE id % 3 = ?2", {AnyValue(), Int(random_->Below(3))});
  if (what == 7) return Run("DELETE FROM notes WHERE id % 5 = ?1", {Int(random_->Below(5))});
  for (int64_t i = 0; i <= what % 3; ++i) {
    HL_TRY(Run("INSERT INTO notes(v) VALUES(?1)", {AnyValue()}));
    HL_ASSIGN(const ledger::State state, ledger::LoadState(&*db_));
    const int64_t id = db_->last_insert_rowid();
    const bool own = state.ids && state.ids->claimed && ledger::IdsLeft(*state.ids, id - 1) > 0;
    if (own) sometimes_->Note("id of an own slot given out");
    if (own && !doubtful_ && !ledger_->registry_lost()) own_ids_.insert(id);
  }
  return Ok();
}

// Writes rows that only their rowids tell apart, and some that REPLACE removes without a trigger.
Status App::WriteLinks() {
  HL_ASSIGN(const bool ready, HasTriggers("links"));
  if (!ready) return Ok();
  const Value rowid = Int(random_->Between(1, 9));
  switch (random_->Below(8)) {
    case 0:
      return Run("INSERT INTO links SELECT a, b FROM links WHERE _rowid_ = ?1", {rowid});
    case 1:
      return Run("UPDATE links SET b = ?1 WHERE _rowid_ % 3 = ?2",
                 {AnyValue(), Int(random_->Below(3))});
    case 2:
      return Run("DELETE FROM links WHERE _rowid_ % 4 = ?1", {Int(random_->Below(4))});
    case 3:
      return Run("INSERT OR REPLACE INTO links(_rowid_, a, b) VALUES(?1, ?2, ?3)",
                 {rowid, Int(node_->who()), AnyValue()});
    case 4:
      return Run("UPDATE OR REPLACE links SET _rowid_ = ?1 WHERE _rowid_ = ?2",
                 {rowid, Int(random_->Between(1, 9))});
    default:
      return Run("INSERT INTO links VALUES(?1, ?2)", {Int(node_->who()), AnyValue()});
  }
}

Status App::WritePairs() {
  HL_ASSIGN(const bool ready, HasTriggers("pairs"));
  if (!ready) return Ok();
  const Value a = Text(random_->Chance(0.5) ? "x" : "y'");
  const Value b = Int(random_->Below(3));
  switch (random_->Below(4)) {
    case 0:
      return Run("INSERT OR REPLACE INTO pairs VALUES(?1, ?2, ?3)", {a, b, AnyValue()});
    case 1:
      return Run("UPDATE pairs SET v = ?2 WHERE b = ?1", {b, AnyValue()});
    case 2:
      return Run("UPDATE OR IGNORE pairs SET b = b + 1 WHERE b < ?1", {b});
    default:
      return Run("DELETE FROM pairs WHERE a = ?1 AND b = ?2", {a, b});
  }
}

Status App::WriteFamily() {
  HL_ASSIGN(const bool seen, IsSeen("parent"));
  if (level_ >= kLevelOfNote && !seen) return WriteKv();
  const Value id = Int(random_->Between(1, 5));
  switch (random_->Below(7)) {
    case 0:
      return Run("INSERT INTO parent VALUES(?1, ?2)", {id, AnyValue()});
    case 1:
    case 2:
      return Run("INSERT OR IGNORE INTO child VALUES(?1, ?2, ?3)",
                 {Int(random_->Between(1, 12)), id, AnyValue()});
    case 3:
      return Run("DELETE FROM parent WHERE id = ?1", {id});
    case 4:
      return Run("UPDATE parent SET id = ?2 WHERE id = ?1", {id, Int(random_->Between(1, 5))});
    case 5:
      return Run("INSERT OR REPLACE INTO parent VALUES(?1, ?2)", {id, AnyValue()});
    default:
      return Run("UPDATE child SET v = ?2 WHERE parent = ?1", {id, AnyValue()});
  }
}

Status App::WriteToLater() {
  HL_TRY(Begin());
  HL_TRY(WriteLater());
  return Commit();
}

Status App::WriteLater() {
  if (level_ < kLevelOfLater) return WriteKv();
  HL_ASSIGN(const bool ready, HasTriggers("later"));
  if (!ready) return WriteKv();
  // Most values are few numbers, which clash once they must be unique.
  return Run(
      random_->Chance(0.7) ? "INSERT OR REPLACE INTO later VALUES(?1, ?2)"
                           : "INSERT OR IGNORE INTO later VALUES(?1, ?2)",
      {Int(random_->Between(1, 6)), random_->Chance(0.7) ? Int(random_->Below(4)) : AnyValue()});
}

// Writes rows whose unique values other nodes use too, and swaps such values or passes them on.
Status App::WritePeople() {
  HL_ASSIGN(const bool ready, HasTriggers("people"));
  if (!ready) return Ok();
  static constexpr const char* kNicks[] = {"ann", "Ann", "bob", "cyd"};
  const Value id = Int(random_->Between(1, 8));
  const int64_t drawn = random_->Below(5);
  const Value nick = drawn < 4 ? Text(kNicks[drawn]) : Value();
  const Value seat = Int(random_->Below(4));
  switch (random_->Below(8)) {
    case 0:
    case 1:
      return Run("INSERT OR IGNORE INTO people VALUES(?1, ?2, ?3, ?4)",
                 {id, nick, seat, AnyValue()});
    case 2:
      return Run("INSERT OR REPLACE INTO people VALUES(?1, ?2, ?3, ?4)",
                 {id, nick, seat, AnyValue()});
    case 3:
      return Run("UPDATE people SET nick = ?2 WHERE id = ?1", {id, nick});
    case 4:
      return Run("UPDATE OR REPLACE people SET seat = ?2 WHERE id = ?1", {id, seat});
    case 5:
      return Run("UPDATE OR IGNORE people SET id = ?2 WHERE id = ?1",
                 {id, Int(random_->Between(1, 8))});
    case 6: {
      HL_TRY(Run("UPDATE people SET seat = -seat WHERE seat > 0", {}));
      return Run("UPDATE OR IGNORE people SET seat = -seat % 3 + 1 WHERE seat < 0", {});
    }
    default:
      return Run("DELETE FROM people WHERE id = ?1", {id});
  }
}

}  // namespace harmonylite::sim
