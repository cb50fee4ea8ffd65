#include "sim/app.h"

#include <fmt/format.h>

#include <algorithm>

namespace harmonylite::sim {

using sqlite::Statement;

Status App::Open() {
  HL_ASSIGN(sqlite::Connection db, node_->OpenFile());
  db.EnableForeignKeys(true);
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
  HL_ASSIGN(first_entry_, db_->QueryInt("SELECT max(id) FROM __harmonylite__journal"));
  return Ok();
}

Status App::Commit() {
  holds_ = false;
  HL_TRY(Record());
  return db_->Exec("COMMIT");
}

Status App::Finish() {
  if (!holds_) return Ok();
  return Commit();
}

// COMMIT cannot fail any more: the transaction has the write lock, and disks do not fail here.
Status App::Record() {
  for (const AppTable& table : AppTables()) {
    HL_ASSIGN(auto entries,
              db_->PrepareCached(fmt::format(
                  "SELECT {}, hlc, op FROM __harmonylite__journal j WHERE id > ?1 AND op <> 0 "
                  "AND tbl = (SELECT id FROM __harmonylite__tables WHERE name = '{}') ORDER BY id",
                  KeySql(table, "j", true), table.name)));
    entries->Bind(1, first_entry_);
    // Of each key: the newest entry, and the newest that is not "displaced", which counts for rows that are
    // gone only.
    ByKey<Write> newest;
    ByKey<Write> newest_change;
    while (true) {
      HL_ASSIGN(const bool row, entries->Step());
      if (!row) break;
      const std::string key(entries->Text(0));
      newest[key] = {entries->Int(1), node_->id(), false, {}, false};
      if (entries->Int(2) == 1) newest_change[key] = newest[key];
    }
    for (auto& [key, write] : newest) {
      HL_ASSIGN(const auto rows, ReadRows(&*db_, table, &key));
      write.present = !rows.empty();
      if (write.present) {
        if (!newest_change.contains(key)) continue;  // not displaced after all
        write = newest_change[key];
        write.present = true;
        write.image = rows.begin()->second;
      }
      ledger_->Add(table.name, key, write);
    }
  }
  HL_ASSIGN(Statement newest,
            db_->Prepare("SELECT node, incarnation, (SELECT max(id) FROM __harmonylite__journal "
                         "WHERE op <> 0) FROM __harmonylite__nodes WHERE n = "
                         "(SELECT value FROM __harmonylite__state WHERE key = 'self')"));
  HL_ASSIGN(const bool row, newest.Step());
  HL_CHECK(row);
  ledger_->NoteChange({NodeId(static_cast<uint64_t>(newest.Int(0))),
                       Incarnation(static_cast<uint32_t>(newest.Int(1)))},
                      newest.Int(2));
  return Ok();
}

Result<bool> App::Migrate() {
  HL_CHECK(!holds_);
  HL_ASSIGN(const auto columns, ColumnsOf(&*db_, kMigratedTable));
  if (std::find(columns.begin(), columns.end(), kMigratedColumn) != columns.end()) return true;
  Status altered = db_->Exec(kMigration);
  if (altered.ok()) return true;
  if (altered.error().code() == ErrorCode::kRetryLater) return false;
  return std::move(altered).error();
}

Status App::Step(bool may_hold) {
  if (!holds_) {
    Status begun = Begin();
    if (!begun.ok() && begun.error().code() == ErrorCode::kRetryLater) {
      sometimes_->Note("application was busy");
      return Ok();
    }
    HL_TRY(std::move(begun));
  }
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

Status App::RandomStatement() {
  switch (random_->Below(12)) {
    case 10:
    case 11:
      return WritePeople();
    case 0:
      return Transfer();
    case 1:
      return Count();
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

Status App::Run(const std::string& sql) {
  Status ran = db_->Exec(sql);
  if (ran.ok() || ran.error().code() == ErrorCode::kConflict) return Ok();
  return std::move(ran).error().Wrap(sql);
}

std::string App::Literal() {
  switch (random_->Below(9)) {
    case 0:
      return "NULL";
    case 1:
      return fmt::format("{}.5", random_->Below(100));
    case 2:
      return fmt::format("x'{:02x}00ff'", random_->Below(256));
    case 3:
      return "''";
    case 4:
      return fmt::format("CAST(zeroblob({}) AS TEXT)", random_->Below(600));
    case 5:
      return fmt::format("'{:0>{}}'", random_->Below(1000), random_->Between(1, 300));
    case 6:
      return fmt::format("{}", static_cast<int64_t>(random_->Next()));
    default:
      return fmt::format("{}", random_->Below(1'000'000));
  }
}

// The sum over one owner's accounts never changes. Only the owner moves its money.
Status App::Transfer() {
  const int64_t who = node_->who();
  HL_ASSIGN(const int64_t have,
            db_->QueryInt(fmt::format("SELECT count(*) FROM accounts WHERE owner = {}", who)));
  if (have == 0) {
    for (int i = 0; i < kAccounts; ++i)
      HL_TRY(Run(fmt::format("INSERT INTO accounts VALUES({}, {}, {})", who, i, kBalance)));
    return Ok();
  }
  const int64_t from = random_->Below(kAccounts);
  const int64_t to = (from + random_->Between(1, kAccounts - 1)) % kAccounts;
  const int64_t amount = random_->Between(1, 50);
  HL_TRY(Run(fmt::format("UPDATE accounts SET balance = balance - {} WHERE owner = {} AND i = {}",
                         amount, who, from)));
  return Run(fmt::format("UPDATE accounts SET balance = balance + {} WHERE owner = {} AND i = {}",
                         amount, who, to));
}

// Two rows that are always written together.
Status App::Count() {
  for (const char* table : {"counter_left", "counter_right"})
    HL_TRY(Run(fmt::format("INSERT INTO {}(who, n) VALUES({}, 1) ON CONFLICT(who) DO UPDATE SET "
                           "n = n + 1",
                           table, node_->who())));
  return Ok();
}

// Says which value of another writer it had seen: who shows this row must show at least that one.
Status App::Chain() {
  const int64_t who = node_->who();
  return Run(fmt::format(
      "INSERT INTO chain(who, n, saw_who, saw_n) SELECT {0}, 1, s.who, s.n FROM "
      "(SELECT 1) LEFT JOIN (SELECT who, n FROM chain WHERE who <> {0} ORDER BY (who * {1}) % 101 "
      "LIMIT 1) s WHERE true ON CONFLICT(who) DO UPDATE SET n = n + 1, saw_who = excluded.saw_who, "
      "saw_n = excluded.saw_n",
      who, random_->Between(1, 100)));
}

Status App::WriteKv() {
  const int64_t id = random_->Between(1, 8);
  const int64_t other = random_->Between(1, 8);
  switch (random_->Below(9)) {
    case 0:
      return Run(fmt::format("INSERT INTO kv(id, v) VALUES({}, {})", id, Literal()));
    case 1:
      return Run(fmt::format("INSERT OR REPLACE INTO kv(id, v) VALUES({}, {})", id, Literal()));
    case 2:
      return Run(fmt::format("INSERT INTO kv(id, v, w) VALUES({}, {}, 'u') ON CONFLICT(id) "
                             "DO UPDATE SET v = excluded.v, w = CURRENT_TIMESTAMP",
                             id, Literal()));
    case 3:
      return Run(fmt::format("UPDATE kv SET v = {} WHERE id = {}", Literal(), id));
    case 4:
      return Run(fmt::format("UPDATE kv SET id = {} WHERE id = {}", other, id));
    case 5:
      return Run(fmt::format("UPDATE OR REPLACE kv SET id = {} WHERE id = {}", other, id));
    case 6:
      return Run(fmt::format("DELETE FROM kv WHERE id = {}", id));
    case 7:
      return Run(fmt::format("UPDATE kv SET v = {} WHERE id % 3 = {}", Literal(), id % 3));
    default:
      HL_ASSIGN(const auto columns, ColumnsOf(&*db_, kMigratedTable));
      if (columns.size() == 3)
        return Run(fmt::format("DELETE FROM kv WHERE id BETWEEN {} AND {}", id, id + 2));
      return Run(fmt::format("INSERT OR REPLACE INTO kv(id, v, x) VALUES({}, {}, {})", id,
                             Literal(), Literal()));
  }
}

Status App::WriteNames() {
  // Two spellings of one key are the same row.
  static constexpr const char* kNames[] = {"ada", "Ada", "ADA", "bob", "BoB", "cyd", "", "é", "É"};
  const std::string name = fmt::format("'{}'", kNames[random_->Below(9)]);
  const std::string other = fmt::format("'{}'", kNames[random_->Below(9)]);
  switch (random_->Below(7)) {
    case 0:
      return Run(fmt::format("INSERT INTO names VALUES({}, {})", name, Literal()));
    case 1:
      return Run(fmt::format("INSERT OR REPLACE INTO names VALUES({}, {})", name, Literal()));
    case 2:
      return Run(fmt::format("INSERT INTO names VALUES({}, {}) ON CONFLICT(name) DO UPDATE SET "
                             "v = excluded.v",
                             name, Literal()));
    case 3:
      return Run(fmt::format("UPDATE names SET v = {} WHERE name = {}", Literal(), name));
    case 4:
      return Run(fmt::format("UPDATE names SET name = {} WHERE name = {}", other, name));
    case 5:
      return Run(fmt::format("UPDATE OR REPLACE names SET name = {} WHERE name = {}", other, name));
    default:
      return Run(fmt::format("DELETE FROM names WHERE name = {}", name));
  }
}

Status App::WritePairs() {
  const char* a = random_->Chance(0.5) ? "x" : "y''";
  switch (random_->Below(4)) {
    case 0:
      return Run(fmt::format("INSERT OR REPLACE INTO pairs VALUES('{}', {}, {})", a,
                             random_->Below(3), Literal()));
    case 1:
      return Run(fmt::format("UPDATE pairs SET v = {} WHERE b = {}", Literal(), random_->Below(3)));
    case 2:
      return Run(fmt::format("UPDATE OR IGNORE pairs SET b = b + 1 WHERE b < {}",
                             random_->Below(3)));
    default:
      return Run(fmt::format("DELETE FROM pairs WHERE a = '{}' AND b = {}", a, random_->Below(3)));
  }
}

Status App::WriteFamily() {
  const int64_t id = random_->Between(1, 5);
  switch (random_->Below(7)) {
    case 0:
      return Run(fmt::format("INSERT INTO parent VALUES({}, {})", id, Literal()));
    case 1:
    case 2:
      return Run(fmt::format("INSERT OR IGNORE INTO child VALUES({}, {}, {})",
                             random_->Between(1, 12), id, Literal()));
    case 3:
      return Run(fmt::format("DELETE FROM parent WHERE id = {}", id));
    case 4:
      return Run(fmt::format("UPDATE parent SET id = {} WHERE id = {}", random_->Between(1, 5),
                             id));
    case 5:
      return Run(fmt::format("INSERT OR REPLACE INTO parent VALUES({}, {})", id, Literal()));
    default:
      return Run(fmt::format("UPDATE child SET v = {} WHERE parent = {}", Literal(), id));
  }
}

// Unique values that other nodes give out too, swapped and handed on.
Status App::WritePeople() {
  static constexpr const char* kNicks[] = {"'ann'", "'Ann'", "'bob'", "'cyd'", "NULL"};
  const int64_t id = random_->Between(1, 8);
  const char* nick = kNicks[random_->Below(5)];
  const int64_t seat = random_->Below(4);
  switch (random_->Below(8)) {
    case 0:
    case 1:
      return Run(fmt::format("INSERT OR IGNORE INTO people VALUES({}, {}, {}, {})", id, nick, seat,
                             Literal()));
    case 2:
      return Run(fmt::format("INSERT OR REPLACE INTO people VALUES({}, {}, {}, {})", id, nick, seat,
                             Literal()));
    case 3:
      return Run(fmt::format("UPDATE people SET nick = {} WHERE id = {}", nick, id));
    case 4:
      return Run(fmt::format("UPDATE OR REPLACE people SET seat = {} WHERE id = {}", seat, id));
    case 5:
      return Run(fmt::format("UPDATE OR IGNORE people SET id = {} WHERE id = {}",
                             random_->Between(1, 8), id));
    case 6: {
      HL_TRY(Run("UPDATE people SET seat = -seat WHERE seat > 0"));
      return Run("UPDATE OR IGNORE people SET seat = -seat % 3 + 1 WHERE seat < 0");
    }
    default:
      return Run(fmt::format("DELETE FROM people WHERE id = {}", id));
  }
}

}  // namespace harmonylite::sim
