#include "sim/app.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "sqlite/sqlite_test_util.h"
#include "sqlite/vacuum.h"

namespace harmonylite::sim {

using change::ValueView;

Status App::Open() {
  HL_ASSIGN(sqlite::Connection db, node_->OpenFile());
  db.EnableForeignKeys(true);
  if (lazy_sync_) HL_TRY(db.Exec("PRAGMA synchronous = NORMAL"));
  HL_ASSIGN(level_, db.QueryInt(kMigrationLevel));
  db_.emplace(std::move(db));
  return Ok();
}

void App::Close() {
  db_.reset();
  holds_ = false;
}

Status App::Begin() {
  deferred_ = random_->Chance(0.3);
  HL_TRY(db_->Exec(deferred_ ? "BEGIN" : "BEGIN IMMEDIATE"));
  holds_ = true;
  own_ids_.clear();
  forced_ = node_->forced();
  HL_ASSIGN(auto newest, db_->PrepareCached("SELECT max(id) FROM __harmonylite__journal"));
  HL_ASSIGN(const bool row, newest->Step());
  HL_CHECK(row);
  first_entry_ = newest->Int(0);
  return ReadLevel();
}

// Other nodes' migrations may have been followed since.
Status App::ReadLevel() {
  HL_ASSIGN(auto level, db_->PrepareCached(kMigrationLevel));
  HL_ASSIGN(const bool row, level->Step());
  HL_CHECK(row);
  level_ = level->Int(0);
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

// Collects what the open transaction has written, from its journal entries. Of several entries for
// one row the newest counts. If the row is there, it must be the newest entry that records a
// change: an entry which says that the row may have been displaced by another one counts only for a
// row that is gone.
Status App::Read(std::vector<Pending>* out) {
  struct Entry {
    int64_t hlc;
    int64_t lseq;
    change::Row key;
    // Number and stamp of the newest entry that records a change (op 1).
    std::optional<std::pair<int64_t, int64_t>> change;
  };
  std::map<std::pair<std::string, std::string>, Entry> newest;  // by table and key text
  given_.clear();
  HL_ASSIGN(const Places links, ReadLinks());
  HL_ASSIGN(auto entries, db_->PrepareCached(
                              "SELECT (SELECT name FROM __harmonylite__tables t WHERE t.id = "
                              "j.tbl), j.* FROM __harmonylite__journal j WHERE id > ?1 AND op <> 0 "
                              "ORDER BY id"));
  entries->Bind(1, first_entry_);
  while (true) {
    HL_ASSIGN(const bool row, entries->Step());
    if (!row) break;
    given_.emplace_back(entries->Int(1), entries->Int(4));
    const AppTable* table = FindTable(entries->Text(0));
    if (table == nullptr) continue;
    const auto named = links.named.find(entries->Int(1));
    const bool names_place = table->identity && named != links.named.end();
    if (names_place) sometimes_->Note("row without a key written behind a VACUUM");
    change::Row row_key;
    for (size_t i = 0; i < table->key.size(); ++i)
      row_key.emplace_back(names_place ? named->second.view()
                                       : entries->Column(5 + static_cast<int>(i)));
    const std::vector<ValueView> key(row_key.begin(), row_key.end());
    Entry& entry = newest[{table->name, KeyText(*table, key)}];
    entry.hlc = entries->Int(4);
    entry.lseq = entries->Int(1);
    entry.key = std::move(row_key);
    if (entries->Int(3) == 1 || names_place) entry.change = {entry.lseq, entry.hlc};
  }
  HL_ASSIGN(const Origin self, NoteLife());
  for (const auto& [where, entry] : newest) {
    const AppTable& table = *FindTable(where.first);
    sqlite::CachedStatement find;
    Write write;
    write.hlc = entry.hlc;
    write.lseq = entry.lseq;
    write.node = node_->id();
    write.who = node_->who();
    write.origin = self;
    HL_ASSIGN(write.replaced, VersionBefore(table, where.second, entry.key));
    HL_ASSIGN(write.present, FindRow(table, entry.key, links, &find));
    if (write.present) {
      if (!entry.change) continue;  // the row was not displaced after all
      std::tie(write.lseq, write.hlc) = *entry.change;
      write.image = ReadImage(*find);
      write.own_id = where.first == "notes" && own_ids_.contains(entry.key[0].view().integer);
    }
    out->push_back({where.first, where.second, std::move(write)});
  }
  return Ok();
}

Result<bool> App::FindRow(const AppTable& table, const change::Row& key, const Places& links,
                          sqlite::CachedStatement* find) {
  const std::string condition = table.identity ? "_rowid_ = ?1" : KeyIs(table);
  HL_ASSIGN(*find,
            db_->PrepareCached(fmt::format("SELECT * FROM {} WHERE {}", table.name, condition)));
  if (table.identity) {
    const int64_t rowid = links.RowidOf(key[0]);
    if (rowid == 0) return false;
    (*find)->Bind(1, rowid);
  } else {
    for (size_t i = 0; i < key.size(); ++i) (*find)->Bind(static_cast<int>(i) + 1, key[i]);
  }
  return (*find)->Step();
}

Result<Places> App::ReadLinks() {
  HL_ASSIGN(auto id,
            db_->PrepareCached("SELECT id FROM __harmonylite__tables WHERE name = 'links'"));
  HL_ASSIGN(const bool known, id->Step());
  if (!known) return Places();
  return ReadPlaces(&*db_, id->Int(0));
}

void App::Record(std::vector<Pending> writes, bool may_be_lost) {
  for (const auto& [lseq, hlc] : given_) ledger_->NoteStamp(node_->id(), node_->who(), lseq, hlc);
  for (Pending& pending : writes) {
    pending.write.may_be_lost = may_be_lost;
    ledger_->Add(pending.table, pending.key, std::move(pending.write));
  }
}

// The rank of a row's version before the open transaction: the stored version or, if it is newer, a
// write of this machine that may not be folded yet. It is zero if there was none.
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
  HL_ASSIGN(auto stored,
            db_->PrepareCached(
                fmt::format("SELECT hlc, (SELECT node FROM __harmonylite__nodes o WHERE o.n = v.n) "
                            "FROM __harmonylite__v{} v WHERE {}",
                            id->Int(0), where)));
  for (size_t i = 0; i < key.size(); ++i) stored->Bind(static_cast<int>(i) + 1, key[i].view());
  HL_ASSIGN(const bool row, stored->Step());
  if (row) before = std::max(before, {stored->Int(0), static_cast<uint64_t>(stored->Int(1))});
  return before;
}

// Tells the ledger the newest change of the origin under which the file counts now, and returns the
// origin.
Result<Origin> App::NoteLife() {
  HL_ASSIGN(
      auto newest,
      db_->PrepareCached("SELECT node, incarnation, (SELECT id FROM __harmonylite__journal "
                         "WHERE op <> 0 ORDER BY id DESC LIMIT 1) FROM __harmonylite__nodes "
                         "WHERE n = (SELECT value FROM __harmonylite__state WHERE key = 'self')"));
  HL_ASSIGN(const bool row, newest->Step());
  HL_CHECK(row);
  const Origin self{NodeId(static_cast<uint64_t>(newest->Int(0))),
                    Incarnation(static_cast<uint32_t>(newest->Int(1)))};
  ledger_->NoteChange(self, newest->Int(2));
  return self;
}

Result<std::optional<int64_t>> App::Migrate() {
  HL_CHECK(!holds_);
  HL_TRY(ReadLevel());
  if (level_ == static_cast<int64_t>(kMigrations.size())) return std::optional(level_);
  Result<bool> altered = MigrateNow();
  if (altered.ok()) return *altered ? std::optional(++level_) : std::nullopt;
  holds_ = false;
  if (db_->in_transaction()) HL_TRY(db_->Exec("ROLLBACK"));
  if (altered.error().code() == ErrorCode::kRetryLater) return std::optional<int64_t>();
  return std::move(altered).error();
}

// The migration that makes a UNIQUE index. Returns false if it has to be tried again. Rows that
// clash are deleted first, in a transaction of their own. The index is made only when everything is
// folded, because a change that is not folded when an index comes counts as written again.
Result<bool> App::MakeIndex() {
  HL_ASSIGN(const bool ready, HasTriggers("later"));
  if (!ready) return false;
  HL_TRY(Begin());
  HL_ASSIGN(const bool folded, AllFolded());
  const int64_t before = db_->total_changes();
  HL_TRY(db_->Exec(kRemoveClashes));
  const bool clashed = db_->total_changes() != before;
  if (!clashed && folded) HL_TRY(sqlite::ExecAll(&*db_, kMigrations[kLevelOfLaterUnique - 1]));
  HL_TRY(Commit());
  return !clashed && folded;
}

Result<bool> App::MigrateNow() {
  if (level_ + 1 == kLevelOfLaterUnique) return MakeIndex();
  // Changes that are not folded when a column is renamed, or dropped beside a new one, count as
  // written again.
  if (level_ + 1 == kLevelOfNote || level_ + 1 == kLevelWithoutW) {
    HL_ASSIGN(const bool folded, AllFolded());
    HL_ASSIGN(const bool seen, IsSeen("kv"));
    if (!folded || !seen) return false;
  }
  HL_TRY(sqlite::ExecAll(&*db_, kMigrations[static_cast<size_t>(level_)]));
  return true;
}

Result<bool> App::HasTriggers(const std::string& table) {
  HL_ASSIGN(
      auto find,
      db_->PrepareCached("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 AND "
                         "name GLOB '__harmonylite__*_' || ?2"));
  const bool displaces = table == "later" && level_ >= kLevelOfLaterUnique;
  find->Bind(1, std::string_view(table));
  find->Bind(2, std::string_view(displaces ? "before_insert" : "insert"));
  return find->Step();
}

Result<bool> App::IsSeen(const std::string& table) {
  HL_ASSIGN(auto seen,
            db_->PrepareCached("SELECT 1 FROM __harmonylite__seen s JOIN sqlite_schema t "
                               "ON s.sql = t.sql WHERE t.name = ?1"));
  seen->Bind(1, std::string_view(table));
  return seen->Step();
}

Result<bool> App::AllFolded() {
  HL_ASSIGN(
      auto folded,
      db_->PrepareCached(
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
    HL_TRY(sqlite::ExecAll(&*db_, rebuild.sql));
    HL_TRY(db_->Exec("COMMIT"));
    return true;
  };
  Result<bool> done = run();
  if (db_->in_transaction()) HL_TRY(db_->Exec("ROLLBACK"));
  if (!done.ok() && done.error().code() == ErrorCode::kRetryLater) return false;
  return done;
}

Result<bool> App::Vacuum() {
  HL_CHECK(!holds_);
  Status done = sqlite::Vacuum(&*db_);
  if (done.ok()) return true;
  if (done.error().code() == ErrorCode::kRetryLater) return false;
  HL_TRY(UnlessDiskFailed(std::move(done)));
  return false;
}

Status App::Step(bool may_hold) { return UnlessForced(UnlessDiskFailed(Transact(may_hold))); }

Status App::UnlessForced(Status status) {
  if (status.ok() || !deferred_ || status.error().code() != ErrorCode::kRetryLater) return status;
  if (node_->forced() == forced_) return status;
  sometimes_->Note("transaction of the application failed by one that could not wait");
  holds_ = false;
  if (db_->in_transaction()) HL_TRY(db_->Exec("ROLLBACK"));
  return Ok();
}

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
  if (!holds_) {
    HL_TRY(Begin());
    if (deferred_ && may_hold && random_->Chance(0.5)) {
      sometimes_->Note("deferred transaction held open after its read");
      return Ok();
    }
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

}  // namespace harmonylite::sim
