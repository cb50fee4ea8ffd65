#include "snapshot/strip.h"

#include <algorithm>
#include <vector>

#include "base/mutant.h"
#include "capture/catalog_sync.h"
#include "capture/journal.h"
#include "capture/schema_capture.h"
#include "ledger/catalog.h"
#include "ledger/fingerprint.h"
#include "ledger/hidden_tables.h"
#include "ledger/registry.h"
#include "ledger/retirement_table.h"
#include "ledger/schema_table.h"
#include "ledger/tombstones.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/transaction.h"
#include "sqlite/unreadable.h"

namespace harmonylite::snapshot {

namespace {

using ledger::State;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

constexpr int64_t kFoldChunk = 65'536;

struct UserTable {
  std::string name;
  bool is_virtual = false;
};

bool IsWordByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

bool HasWord(const std::string& folded_sql, const std::string& folded_name) {
  for (size_t at = folded_sql.find(folded_name); at != std::string::npos;
       at = folded_sql.find(folded_name, at + 1)) {
    const size_t end = at + folded_name.size();
    const bool begins = at == 0 || !IsWordByte(folded_sql[at - 1]);
    const bool ends = end == folded_sql.size() || !IsWordByte(folded_sql[end]);
    if (begins && ends) return true;
  }
  return false;
}

// The application's tables. The shadow tables of a virtual table are not listed: they go with it.
Result<std::vector<UserTable>> UserTables(Connection* db) {
  HL_ASSIGN(
      Statement list,
      db->Prepare("SELECT name, type FROM pragma_table_list WHERE schema = 'main' "
                  "AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"));
  std::vector<UserTable> out;
  HL_TRY(list.ForEachRow([&](const Statement& row) {
    const std::string name(row.Text(0));
    if (!sqlite::FoldCase(name).starts_with(schema::kHiddenPrefix))
      out.push_back({name, row.Text(1) == "virtual"});
  }));
  return out;
}

// Removes the tables that are left out of snapshots, with their versions and statistics.
class TableRemover {
 public:
  TableRemover(Connection* db, const LeavesOut& leaves_out) : db_(db) {
    is_out_ = [&leaves_out](const UserTable& t) {
      return leaves_out && leaves_out(t.name, t.is_virtual);
    };
  }

  Status Run() {
    HL_ASSIGN(const auto unreadable, sqlite::FindUnreadable(db_));
    for (const sqlite::UnreadableObject& object : unreadable)
      if (object.type == "table" && is_out_({object.name, false}))
        return CannotRemove(object.name, object.why);
    HL_ASSIGN(const std::vector<UserTable> tables, UserTables(db_));
    for (const UserTable& table : tables)
      if (is_out_(table)) out_.push_back(table);
    if (out_.empty()) return Ok();
    HL_TRY(Forget());
    for (const UserTable& table : out_) {
      HL_ASSIGN(const bool named, IsNamedElsewhere(table));
      Status removed = db_->Exec((named ? "DELETE FROM " : "DROP TABLE ") + Quote(table.name));
      if (!removed.ok()) return CannotRemove(table.name, removed.error().message());
      HL_TRY(ForgetStatistics(table));
    }
    return Ok();
  }

 private:
  bool IsOut(const std::string& name) const {
    return std::any_of(out_.begin(), out_.end(),
                       [&](const UserTable& table) { return sqlite::SameName(table.name, name); });
  }

  static Error CannotRemove(const std::string& table, std::string_view why) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "table {} is to be left out of snapshots, but cannot be removed from one: {}",
                     table, why);
  }

  // Removes what belongs to the tables in the hidden tables: versions, which hold keys, and
  // triggers.
  Status Forget() {
    HL_ASSIGN(const auto registry, ledger::LoadRegistry(db_));
    for (const ledger::RegisteredTable& table : registry)
      if (IsOut(table.name)) HL_TRY(ledger::DropRegistered(db_, table.id));
    return Ok();
  }

  // True if a table, view or trigger that stays names the table. The search is for the word in the
  // SQL text, so it may find too much, which only leaves an empty table behind.
  Result<bool> IsNamedElsewhere(const UserTable& table) {
    HL_ASSIGN(Statement list,
              db_->Prepare("SELECT tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL "
                           "AND type IN ('table', 'view', 'trigger')"));
    const std::string word = sqlite::FoldCase(table.name);
    while (true) {
      HL_ASSIGN(const bool row, list.Step());
      if (!row) return false;
      const std::string owner(list.Text(0));
      if (!IsOut(owner) && HasWord(sqlite::FoldCase(std::string(list.Text(1))), word)) return true;
    }
  }

  // Removes the table's statistics, because ANALYZE keeps samples of its rows.
  Status ForgetStatistics(const UserTable& table) {
    for (const char* statistics : {"sqlite_stat1", "sqlite_stat3", "sqlite_stat4"}) {
      HL_ASSIGN(const int64_t there,
                db_->QueryInt(fmt::format("SELECT count(*) FROM sqlite_schema WHERE name = '{}'",
                                          statistics)));
      if (there == 0) continue;
      HL_ASSIGN(Statement forget,
                db_->Prepare(fmt::format("DELETE FROM {} WHERE tbl = ?1", statistics)));
      forget.Bind(1, table.name);
      HL_TRY(forget.Run());
    }
    return Ok();
  }

  Connection* db_;  // not owned
  std::function<bool(const UserTable&)> is_out_;
  std::vector<UserTable> out_;
};

// Records the maker's progress like that of any other origin, so that a node that restores the
// snapshot knows which of the maker's changes are in it (P3).
Status CountMaker(Connection* db, const State& state) {
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db));
  const Lseq own = std::max(end.last_change, state.published_to);
  if (own <= state.incarnation_base) return Ok();
  return ledger::SaveProgress(db, state.self_index, own);
}

// Replaces the journal by one tick with the newest stamp, which keeps the clock of the node that
// adopts the file ahead of all that is in it.
Status ReduceJournal(Connection* db) {
  HL_ASSIGN(const capture::JournalEnd end, capture::ReadJournalEnd(db));
  HL_TRY(db->Exec("DELETE FROM __harmonylite__journal"));
  return db->Exec(fmt::format(
      "INSERT INTO __harmonylite__journal(id, tbl, op, hlc) VALUES(1, 0, 0, {})", end.stamp.value));
}

// Makes the file nobody's, so that the node that attaches to it begins an incarnation of its own.
Status BecomeNobody(Connection* db, ledger::OriginTable* origins, const State& before) {
  State state = before;
  HL_ASSIGN(state.self_index, origins->IndexOf(db, ledger::kNobody));
  state.incarnation_base = Lseq(0);
  state.folded_to = Lseq(1);
  state.published_to = Lseq(0);
  state.published_stamp = Hlc(0);
  return ledger::SaveState(db, state, before);
}

}  // namespace

Status StripCopy(Connection* copy, const schema::LoadOptions& tables, const LeavesOut& leaves_out,
                 Manifest* manifest) {
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(copy));
  if (installed != ledger::Installed::kYes)
    return MakeError(ErrorCode::kInvalidArgument,
                     "it is not attached: start harmonylite on it once");
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(copy, sqlite::TransactionKind::kWrite));
  // Nobody would take such a snapshot.
  HL_ASSIGN(const auto texts, sqlite::FindStoredTextProblems(copy));
  if (!texts.empty())
    return MakeError(ErrorCode::kInvalidArgument, "{}", sqlite::Describe(texts[0]));
  HL_ASSIGN(const ledger::Catalog catalog, capture::LoadCatalog(copy, tables));
  if (!catalog.complete) return MakeError(ErrorCode::kRetryLater, "a table waits for its triggers");
  HL_ASSIGN(const bool is_seen, capture::IsSeen(copy, tables));
  if (!is_seen) return MakeError(ErrorCode::kRetryLater, "the changed schema is not journaled yet");
  if (ledger::CountTables(catalog) == 0 && !HL_MUTANT(empty_snapshot_stored))
    return MakeError(ErrorCode::kInvalidArgument,
                     "none of its tables is replicated: there is nothing to give");
  HL_ASSIGN(State state, ledger::LoadState(copy));
  const State saved = state;
  while (!HL_MUTANT(snapshot_not_folded)) {
    HL_ASSIGN(const bool folded, capture::Fold(copy, catalog, &state, kFoldChunk));
    if (folded) break;
  }
  HL_TRY(ledger::SaveState(copy, state, saved));
  HL_TRY(CountMaker(copy, state));
  HL_TRY(ReduceJournal(copy));
  HL_TRY(copy->Exec("DELETE FROM __harmonylite__conflicts"));
  HL_ASSIGN(ledger::OriginTable origins, ledger::OriginTable::Load(copy));
  HL_TRY(BecomeNobody(copy, &origins, state));
  manifest->maker = state.self;
  manifest->schema = ledger::SchemaFingerprint(catalog);
  manifest->cursor = state.cursor;
  manifest->log_created = state.log_created;
  HL_ASSIGN(manifest->progress, ledger::LoadWholeProgress(copy, origins, ledger::kNobody, Lseq(0)));
  HL_ASSIGN(manifest->collected, ledger::LoadCollected(copy, origins));
  copy->ClearCache();
  HL_TRY(TableRemover(copy, leaves_out).Run());
  // Whoever restores the snapshot must not take what is left out for dropped.
  copy->ClearCache();
  HL_ASSIGN(const schema::HeaderNumbers seen, ledger::LoadSeenNumbers(copy));
  if (seen.version >= 0) HL_TRY(capture::NoteSeen(copy, tables, catalog));
  return transaction.Commit();
}

}  // namespace harmonylite::snapshot
