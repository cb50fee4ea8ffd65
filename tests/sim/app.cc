#include "sim/app.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <vector>

namespace harmonylite::sim {

using change::Value;
using change::ValueView;

namespace {

constexpr int64_t kStatements = 13;

Value Int(int64_t number) { return Value(ValueView::Integer(number)); }
Value Text(std::string_view text) { return Value(ValueView::Text(text)); }

}  // namespace

Status App::Open() {
  HL_ASSIGN(sqlite::Connection db, node_->OpenFile());
  db.EnableForeignKeys(true);
  HL_ASSIGN(level_, db.QueryInt(kMigrationLevel));
  db_.emplace(std::move(db));
  return Ok();
}

void App::Close() {
  db_.reset();
  holds_ = false;
}

Status App::Begin() {
  HL_TRY(db_->Exec("BEGIN IMMEDIATE"));
  holds_ = true;
  HL_ASSIGN(auto newest, db_->PrepareCached("SELECT max(id) FROM __harmonylite__journal"));
  HL_ASSIGN(const bool row, newest->Step());
  HL_CHECK(row);
  first_entry_ = newest->Int(0);
  return Ok();
}

Status App::Commit() {
  std::vector<Pending> writes;
  HL_TRY(Read(&writes));
  holds_ = false;
  Status committed = db_->Exec("COMMIT");
  // A COMMIT that failed with the disk may be found in the file after the next start, or not.
  const bool unsure = !committed.ok() && node_->disk().faulted();
  if (committed.ok() || unsure) Record(std::move(writes), unsure);
  return committed;
}

Status App::Finish() {
  if (!holds_) return Ok();
  return Commit();
}

// What the open transaction has written, from its journal entries.
Status App::Read(std::vector<Pending>* out) {
  struct Entry {
    int64_t hlc;
    int64_t lseq;
    change::Row key;
    // The newest that is not "displaced", which counts for rows that are gone only.
    std::optional<std::pair<int64_t, int64_t>> change;  // lseq, stamp
  };
  std::map<std::pair<std::string, std::string>, Entry> newest;  // by table and key's text
  HL_ASSIGN(auto entries,
            db_->PrepareCached("SELECT (SELECT name FROM __harmonylite__tables t WHERE t.id = "
                               "j.tbl), j.* FROM __harmonylite__journal j WHERE id > ?1 AND op <> 0 "
                               "ORDER BY id"));
  entries->Bind(1, first_entry_);
  while (true) {
    HL_ASSIGN(const bool row, entries->Step());
    if (!row) break;
    const AppTable* table = FindTable(entries->Text(0));
    if (table == nullptr) continue;
    change::Row row_key;
    for (size_t i = 0; i < table->key.size(); ++i)
      row_key.emplace_back(entries->Column(5 + static_cast<int>(i)));
    const std::vector<ValueView> key(row_key.begin(), row_key.end());
    Entry& entry = newest[{table->name, KeyText(*table, key)}];
    entry.hlc = entries->Int(4);
    entry.lseq = entries->Int(1);
    entry.key = std::move(row_key);
    if (entries->Int(3) == 1) entry.change = {entry.lseq, entry.hlc};
  }
  HL_ASSIGN(const Origin self, NoteLife());
  for (const auto& [where, entry] : newest) {
    HL_ASSIGN(auto find, db_->PrepareCached(fmt::format("SELECT * FROM {} WHERE {}", where.first,
                                                        KeyIs(*FindTable(where.first)))));
    for (size_t i = 0; i < entry.key.size(); ++i) find->Bind(static_cast<int>(i) + 1, entry.key[i]);
    Write write;
    write.hlc = entry.hlc;
    write.lseq = entry.lseq;
    write.node = node_->id();
    write.who = node_->who();
    write.origin = self;
    HL_ASSIGN(write.replaced, VersionBefore(*FindTable(where.first), where.second, entry.key));
    HL_ASSIGN(write.present, find->Step());
    if (write.present) {
      if (!entry.change) continue;  // not displaced after all
      std::tie(write.lseq, write.hlc) = *entry.change;
      write.image = ReadImage(*find);
    }
    out->push_back({where.first, where.second, std::move(write)});
  }
  return Ok();
}

void App::Record(std::vector<Pending> writes, bool may_be_lost) {
  for (Pending& pending : writes) {
    pending.write.may_be_lost = may_be_lost;
    ledger_->Add(pending.table, pending.key, std::move(pending.write));
  }
}

// The version of a row before the open transaction: the stored one, or a newer one of this machine that is not
// folded yet.
Result<VersionRank> App::VersionBefore(const AppTable& table, const std::string& key_text,
                                       const change::Row& key) {
  VersionRank before{};
  const auto of_table = ledger_->writes().find(table.name);
  if (of_table != ledger_->writes().end())
    if (const auto writes = of_table->second.find(key_text); writes != of_table->second.end())
      for (const Write& write : writes->second)
        if (write.who == node_->who() && !write.may_be_lost) before = std::max(before, Rank(write));
  HL_ASSIGN(auto id, db_->PrepareCached("SELECT id FROM __harmonylite__tables WHERE name = ?1"));
  id->Bind(1, std::string_view(table.name));
  HL_ASSIGN(const bool known, id->Step());
  if (!known) return before;
  std::string where = HiddenKeyIs(table);
  HL_ASSIGN(auto stored, db_->PrepareCached(fmt::format(
                             "SELECT hlc, (SELECT node FROM __harmonylite__nodes o WHERE o.n = v.n) "
                             "FROM __harmonylite__v{} v WHERE {}",
                             id->Int(0), where)));
  for (size_t i = 0; i < key.size(); ++i) stored->Bind(static_cast<int>(i) + 1, key[i].view());
  HL_ASSIGN(const bool row, stored->Step());
  if (row) before = std::max(before, {stored->Int(0), static_cast<uint64_t>(stored->Int(1))});
  return before;
}

Result<Origin> App::NoteLife() {
  HL_ASSIGN(auto newest,
            db_->PrepareCached("SELECT node, incarnation, (SELECT id FROM __harmonylite__journal "
                               "WHERE op <> 0 ORDER BY id DESC LIMIT 1) FROM __harmonylite__nodes "
                               "WHERE n = (SELECT value FROM __harmonylite__state WHERE key = 'self')"));
  HL_ASSIGN(const bool row, newest->Step());
  HL_CHECK(row);
  const Origin self{NodeId(static_cast<uint64_t>(newest->Int(0))), Incarnation(static_cast<uint32_t>(newest->Int(1)))};
  ledger_->NoteChange(self, newest->Int(2));
  return self;
}

Result<std::optional<int64_t>> App::Migrate() {
  HL_CHECK(!holds_);
  if (level_ == static_cast<int64_t>(kMigrations.size())) return std::optional(level_);
  Result<bool> altered = MigrateNow();
  if (altered.ok()) return *altered ? std::optional(++level_) : std::nullopt;
  holds_ = false;
  if (db_->in_transaction()) HL_TRY(db_->Exec("ROLLBACK"));
  if (altered.error().code() == ErrorCode::kRetryLater) return std::optional<int64_t>();
  return std::move(altered).error();
}

// What clashes goes first, in a transaction of its own; and what is not folded when an index comes counts as written again.
Result<bool> App::MakeIndex() {
  HL_ASSIGN(const bool ready, HasTriggers("later"));
  if (!ready) return false;
  HL_TRY(Begin());
  HL_ASSIGN(const bool folded, AllFolded());
  const int64_t before = db_->total_changes();
  HL_TRY(db_->Exec(kRemoveClashes));
  const bool clashed = db_->total_changes() != before;
  if (!clashed && folded) HL_TRY(db_->Exec(kMigrations[kLevelOfLaterUnique - 1]));
  HL_TRY(Commit());
  return !clashed && folded;
}

Result<bool> App::MigrateNow() {
  if (level_ + 1 == kLevelOfLaterUnique) return MakeIndex();
  HL_TRY(db_->Exec(kMigrations[static_cast<size_t>(level_)]));
  return true;
}

Result<bool> App::HasTriggers(const std::string& table) {
  HL_ASSIGN(auto find, db_->PrepareCached("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 AND "
                                          "name GLOB '__harmonylite__*_' || ?2"));
  const bool displaces = table == "later" && level_ >= kLevelOfLaterUnique;
  find->Bind(1, std::string_view(table));
  find->Bind(2, std::string_view(displaces ? "before_insert" : "insert"));
  return find->Step();
}

Result<bool> App::AllFolded() {
  HL_ASSIGN(auto folded, db_->PrepareCached(
                             "SELECT value >= (SELECT coalesce(max(id), 0) FROM __harmonylite__journal WHERE op <> 0) "
                             "FROM __harmonylite__state WHERE key = 'folded_to'"));
  HL_ASSIGN(const bool row, folded->Step());
  return row && folded->Int(0) != 0;
}

Result<bool> App::RebuildTable() {
  HL_CHECK(!holds_);
  const Rebuild& rebuild = kRebuilds[static_cast<size_t>(random_->Below(kRebuilds.size()))];
  const auto run = [&]() -> Result<bool> {
    HL_TRY(db_->Exec("BEGIN IMMEDIATE"));
    HL_ASSIGN(const bool ready, HasTriggers(rebuild.table));
    HL_ASSIGN(const bool folded, AllFolded());
    if (!ready || !folded) return false;
    HL_TRY(db_->Exec(rebuild.sql));
    HL_TRY(db_->Exec("COMMIT"));
    return true;
  };
  Result<bool> done = run();
  if (db_->in_transaction()) HL_TRY(db_->Exec("ROLLBACK"));
  if (!done.ok() && done.error().code() == ErrorCode::kRetryLater) return false;
  return done;
}

Status App::Step(bool may_hold) { return UnlessDiskFailed(Transact(may_hold)); }

Status App::UnlessDiskFailed(Status status) {
  if (status.ok() || !node_->disk().faulted()) return status;
  const ErrorCode code = status.error().code();
  if (code == ErrorCode::kCorruption || code == ErrorCode::kSchemaMismatch) return status;
  sometimes_->Note("application met a fault of its disk");
  holds_ = false;
  if (!node_->disk().dead() && db_->in_transaction()) HL_TRY(db_->Exec("ROLLBACK"));
  return Ok();
}

Status App::Transact(bool may_hold) {
  if (!holds_) HL_TRY(Begin());
  const int64_t statements = random_->Between(1, random_->Chance(0.1) ? 25 : 4);
  for (int64_t i = 0; i < statements; ++i) HL_TRY(RandomStatement());
  if (may_hold && random_->Chance(0.5)) {
    sometimes_->Note("write transaction held open");
    return Ok();
  }
  if (!random_->Chance(0.05)) return Commit();
  holds_ = false;
  sometimes_->Note("application rolled back");
  return db_->Exec("ROLLBACK");
}

TableGroup App::GroupOf(int64_t statement) const {
  static constexpr std::array<TableGroup, kStatements> kGroups = {
      TableGroup::kMoney,  TableGroup::kMoney,  TableGroup::kAlways, TableGroup::kNames, TableGroup::kNames,
      TableGroup::kPairs,  TableGroup::kFamily, TableGroup::kFamily, TableGroup::kAlways, TableGroup::kAlways,
      TableGroup::kPeople, TableGroup::kPeople, TableGroup::kAlways};
  return kGroups[static_cast<size_t>(statement)];
}

Status App::RandomStatement() {
  int64_t statement = random_->Below(kStatements);
  while (!tables_.Has(GroupOf(statement))) statement = random_->Below(kStatements);
  switch (statement) {
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
      return Value(ValueView::Blob(std::string{static_cast<char>(random_->Below(256)), '\0', '\xff'}));
    case 3:
      return Text("");
    case 4:
      // Now and then more than a page of the database.
      return Text(std::string(random_->Below(random_->Chance(0.1) ? 9'000 : 600), '\0'));
    case 5:
      return Text(fmt::format("{:0>{}}", random_->Below(1000), random_->Between(1, 300)));
    case 6:
      return Int(static_cast<int64_t>(random_->Next()));
    default:
      return Int(random_->Below(1'000'000));
  }
}

// The sum over one owner's accounts never changes. Only the owner moves its money.
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

// Two rows that are always written together.
Status App::Count() {
  for (const char* table : {"counter_left", "counter_right"})
    HL_TRY(Run(fmt::format("INSERT INTO {}(who, n) VALUES(?1, 1) ON CONFLICT(who) DO UPDATE SET "
                           "n = n + 1",
                           table),
               {Int(node_->who())}));
  return Ok();
}

// Says which value of another writer it had seen: who shows this row must show at least that one.
Status App::Chain() {
  return Run("INSERT INTO chain(who, n, saw_who, saw_n) SELECT ?1, 1, s.who, s.n FROM (SELECT 1) "
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
      return Run("INSERT INTO kv(id, v, w) VALUES(?1, ?2, 'u') ON CONFLICT(id) "
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
  // Two spellings of one key are the same row.
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
  // Few values, which clash once they must be unique.
  return Run(random_->Chance(0.7) ? "INSERT OR REPLACE INTO later VALUES(?1, ?2)"
                                  : "INSERT OR IGNORE INTO later VALUES(?1, ?2)",
             {Int(random_->Between(1, 6)), random_->Chance(0.7) ? Int(random_->Below(4)) : AnyValue()});
}

// Unique values that other nodes give out too, swapped and handed on.
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
      return Run("INSERT OR IGNORE INTO people VALUES(?1, ?2, ?3, ?4)", {id, nick, seat, AnyValue()});
    case 2:
      return Run("INSERT OR REPLACE INTO people VALUES(?1, ?2, ?3, ?4)", {id, nick, seat, AnyValue()});
    case 3:
      return Run("UPDATE people SET nick = ?2 WHERE id = ?1", {id, nick});
    case 4:
      return Run("UPDATE OR REPLACE people SET seat = ?2 WHERE id = ?1", {id, seat});
    case 5:
      return Run("UPDATE OR IGNORE people SET id = ?2 WHERE id = ?1", {id, Int(random_->Between(1, 8))});
    case 6: {
      HL_TRY(Run("UPDATE people SET seat = -seat WHERE seat > 0", {}));
      return Run("UPDATE OR IGNORE people SET seat = -seat % 3 + 1 WHERE seat < 0", {});
    }
    default:
      return Run("DELETE FROM people WHERE id = ?1", {id});
  }
}

}  // namespace harmonylite::sim
