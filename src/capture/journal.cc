#include "capture/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/mutant.h"
#include "capture/trigger_text.h"
#include "change/row_hash.h"
#include "ledger/key_sql.h"
#include "ledger/references.h"
#include "ledger/row_query.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using change::ValueView;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Entries that are surveyed together. This bounds the memory of a KeyIndex.
constexpr int64_t kScanChunk = 65'536;

// A run of journal entries, from `first` to `last`.
struct Run {
  Lseq first;
  Lseq last;
};

struct TableEntries {
  KeyIndex newest;        // the newest and oldest change of each key, without displaced entries
  std::vector<Run> runs;  // runs without entries of other tables in between, in journal order
};

// What a piece of the journal holds of each table, by TrackedTable::id.
using Survey = std::map<int64_t, TableEntries>;

Result<Survey> SurveyRange(Connection* db, const ledger::Catalog& catalog, Lseq from, Lseq to) {
  Survey survey;
  const ledger::TrackedTable* table = nullptr;
  TableEntries* entries = nullptr;
  HL_TRY(VisitEntries(db, catalog, from, to, [&](const Entry& entry) {
    if (entry.table != table) {
      table = entry.table;
      entries = &survey[table->id];
      entries->runs.push_back({entry.lseq, entry.lseq});
    }
    entries->runs.back().last = entry.lseq;
    if (!entry.displaced) entries->newest.Note(entry.key, entry.lseq);
    return Ok();
  }));
  return survey;
}

// Returns the ranges of the journal that are read to find one table's entries. The journal has no
// index on tables, so a statement passes over entries of other tables, which costs little but not
// nothing. One range that covers all runs is best, unless the runs lie far apart between entries of
// many other tables; then each run is read by itself.
std::vector<Run> RunsToRead(const std::vector<Run>& runs) {
  // A statement passes over about this many entries in the time that starting it takes.
  constexpr int64_t kEntriesAStart = 8;
  const Run whole{runs.front().first, runs.back().last};
  const int64_t entries = whole.last.value - whole.first.value + 1;
  if (static_cast<int64_t>(runs.size()) * kEntriesAStart >= entries) return {whole};
  return runs;
}

// ShadowColumn and ShadowJoin add the image of a shadowed row to a query on versions v, if the
// table has shadowed rows.
std::string ShadowColumn(bool shadows) { return shadows ? ", s.image" : ""; }
std::string ShadowJoin(const ledger::TrackedTable& tracked, bool shadows) {
  if (!shadows) return "";
  return fmt::format("LEFT JOIN {} s ON {} ", Quote(ledger::ShadowTableName(tracked.id)),
                     ledger::HiddenKeysEqual("s", "v", tracked.table));
}

// Returns the query for one table's entries in a range, with their rows as they are now. For
// entries that are folded, it joins the version table, and keeps only entries that are the row's
// version still: others lost to another node's version, or to a later entry. Such a row may be
// shadowed, and the version says whether it is deleted. A row with an entry that is not folded yet
// was written after the shadow table was last brought up to date, so it is in its table, or
// deleted.
std::string ScanSql(const ledger::TrackedTable& tracked, bool folded, bool shadows) {
  std::string sql = fmt::format("SELECT j.id, j.hlc, j.op, {}{}{}{} FROM __harmonylite__journal j ",
                                folded ? "v.gone" : "0", ledger::KeyColumns("j", tracked.table),
                                ledger::ImageColumns("t", tracked.table), ShadowColumn(shadows));
  if (folded)
    sql += fmt::format("JOIN {} v ON {} AND v.n = ?4 AND v.lseq = j.id ",
                       Quote(ledger::VersionTableName(tracked.id)),
                       ledger::HiddenKeysEqual("v", "j", tracked.table));
  return sql + ShadowJoin(tracked, shadows) +
         fmt::format(
             "LEFT JOIN {} t ON {} WHERE j.id >= ?1 AND j.id <= ?2 AND j.tbl = ?3 "
             "ORDER BY j.id",
             Quote(tracked.table.name), ledger::KeyMatches("t", "j", tracked.table));
}

// Returns the error of reading a table's changes. What goes on until somebody acts names the table:
// the changes of the others wait with it, because they may belong to the same transactions (P6).
Error CannotRead(const ledger::TrackedTable& tracked, Error error) {
  if (error.code() == ErrorCode::kCorruption)
    return std::move(error).Wrap(fmt::format(
        "table {} is damaged (PRAGMA integrity_check tells where): REINDEX mends an index; "
        "otherwise stop the node, put the file aside and start it without one",
        tracked.table.name));
  if (error.code() == ErrorCode::kRetryLater) return error;
  return std::move(error).Wrap(fmt::format("table {} cannot be read", tracked.table.name));
}

// Visits the rows that the entries in one range name. `newest` says which change of a row is its
// newest, and earlier entries are passed over. A displaced entry counts only if its row is gone. A
// row may be in its table although its version says that it is deleted: no trigger saw its insert,
// so the version counts.
Status ScanRun(Statement* scan, ledger::RowReader* reader, const ledger::TrackedTable& tracked,
               bool shadows, const KeyIndex& newest, const NetChangeVisitor& visit) {
  while (true) {
    auto row = scan->Step();
    if (!row.ok()) return CannotRead(tracked, std::move(row).error());
    if (!*row) return Ok();
    Status read = shadows ? reader->ReadShadowed(*scan) : reader->Read(*scan);
    if (!read.ok()) return CannotRead(tracked, std::move(read).error());
    const Lseq lseq(scan->Int(0));
    const bool displaced = scan->Int(2) == static_cast<int64_t>(JournalOp::kDisplaced);
    const bool present = reader->present() && scan->Int(3) == 0;
    if (displaced && present && !HL_MUTANT(displaced_always_counts)) continue;
    const KeyIndex::Range entries = newest.Find(reader->key());
    if (entries.newest > lseq) continue;
    const Lseq first = entries.newest.value == 0 ? lseq : entries.oldest;
    HL_TRY(visit({&tracked, lseq, Hlc(scan->Int(1)), present, reader->key(), reader->image(),
                  reader->ImageKey(), first}));
  }
}

// Visits the net changes of one table in journal order, because that is the order in which other
// nodes append new rows to their tables. `folded_self` is this node's index if the entries are
// folded.
Status ScanTable(Connection* db, const ledger::TrackedTable& tracked, const TableEntries& entries,
                 std::optional<ledger::OriginIndex> folded_self, const NetChangeVisitor& visit) {
  bool shadows = false;
  if (folded_self) {
    HL_ASSIGN(shadows, ledger::HasShadows(db, tracked));
  }
  HL_ASSIGN(auto scan, db->PrepareCached(ScanSql(tracked, folded_self.has_value(), shadows)));
  scan->Bind(3, tracked.id);
  if (folded_self) scan->Bind(4, folded_self->value);
  ledger::RowReader reader(db, tracked.table, /*first_column=*/4);
  for (const Run& run : RunsToRead(entries.runs)) {
    scan->Bind(1, run.first.value);
    scan->Bind(2, run.last.value);
    HL_TRY(ScanRun(&*scan, &reader, tracked, shadows, entries.newest, visit));
  }
  return Ok();
}

// Visits the net changes in (from, to], in pieces of kScanChunk entries. Each piece is read twice:
// a survey finds the newest entry of each key, and then each table's rows are read.
Status ScanRange(Connection* db, const ledger::Catalog& catalog, Lseq from, Lseq to,
                 std::optional<ledger::OriginIndex> folded_self, const NetChangeVisitor& visit) {
  while (from < to) {
    const Lseq end(std::min(to.value, from.value + kScanChunk));
    HL_ASSIGN(const Survey survey, SurveyRange(db, catalog, from, end));
    for (const auto& [id, entries] : survey)
      HL_TRY(ScanTable(db, *catalog.ById(id), entries, folded_self, visit));
    from = end;
  }
  return Ok();
}

// Returns the statement that writes one version, unless the one that is there has a greater stamp.
// Its parameters are hlc, n, lseq, gone, hash and born, and then the key.
//
// `born` counts the lseqs since the same origin inserted the row. It is NULL for a deleted row,
// counts anew for a row that comes back after a delete, grows with the lseq while the same origin
// goes on writing, and is NULL after a write to another origin's row.
std::string FoldSql(const ledger::TrackedTable& tracked) {
  const size_t keys = tracked.table.key.size();
  std::string names;
  std::string values;
  for (size_t i = 1; i <= keys; ++i) {
    names += fmt::format("k{}, ", i);
    values += fmt::format("?{}, ", i + 6);
  }
  std::string conflict = names.substr(0, names.size() - 2);
  return fmt::format(
      "INSERT INTO {}({}hlc, n, lseq, gone, hash, born) VALUES({}?1, ?2, ?3, ?4, ?5, ?6) "
      "ON CONFLICT({}) DO UPDATE SET hlc = excluded.hlc, n = excluded.n, lseq = excluded.lseq, "
      "gone = excluded.gone, hash = excluded.hash, born = CASE WHEN excluded.gone THEN NULL "
      "WHEN gone THEN excluded.born WHEN n = excluded.n THEN born + excluded.lseq - lseq END "
      "WHERE excluded.hlc > hlc",
      Quote(ledger::VersionTableName(tracked.id)), names, values, conflict);
}

}  // namespace

Result<JournalEnd> ReadJournalEnd(Connection* db) {
  // Two ticks never follow each other (RaiseClock), so the newest change is one of the newest two
  // entries.
  HL_ASSIGN(auto newest, db->PrepareCached("SELECT id, hlc, op FROM __harmonylite__journal "
                                           "ORDER BY id DESC LIMIT 2"));
  JournalEnd end;
  while (true) {
    HL_ASSIGN(const bool row, newest->Step());
    if (!row) break;
    if (end.last.value == 0) {
      end.last = Lseq(newest->Int(0));
      end.stamp = Hlc(newest->Int(1));
    }
    if (newest->Int(2) == static_cast<int64_t>(JournalOp::kTick)) continue;
    end.last_change = Lseq(newest->Int(0));
    end.change_stamp = Hlc(newest->Int(1));
    break;
  }
  if (end.last.value == 0)
    return MakeError(ErrorCode::kCorruption,
                     "__harmonylite__journal is empty: somebody deleted "
                     "from it; run -cleanup and start again");
  return end;
}

Result<Lseq> FirstEntry(Connection* db) {
  HL_ASSIGN(auto first, db->PrepareCached("SELECT min(id) FROM __harmonylite__journal"));
  HL_ASSIGN(const bool row, first->Step());
  HL_CHECK(row);
  return Lseq(first->Int(0));
}

Result<Hlc> StampOf(Connection* db, Lseq lseq) {
  HL_ASSIGN(auto find, db->PrepareCached("SELECT hlc FROM __harmonylite__journal WHERE id = ?1"));
  find->Bind(1, lseq.value);
  HL_ASSIGN(const bool row, find->Step());
  if (!row) return MakeError(ErrorCode::kNotFound, "journal entry {} is not there", lseq.value);
  return Hlc(find->Int(0));
}

Result<bool> IsJournaled(Connection* db, Lseq lseq, Hlc stamp) {
  auto found = StampOf(db, lseq);
  if (!found.ok() && found.error().code() == ErrorCode::kNotFound) return false;
  if (!found.ok()) return std::move(found).error();
  return *found == stamp || HL_MUTANT(stamp_not_compared);
}

Status VisitEntries(Connection* db, const ledger::Catalog& catalog, Lseq from, Lseq to,
                    const EntryVisitor& visit) {
  HL_ASSIGN(auto entries, db->PrepareCached("SELECT * FROM __harmonylite__journal "
                                            "WHERE id > ?1 AND id <= ?2 AND op <> 0"));
  constexpr int kFirstKey = 4;  // position of k1, behind id, tbl, op and hlc
  entries->Bind(1, from.value);
  entries->Bind(2, to.value);
  std::vector<ValueView> key;
  int64_t table_id = -1;
  const ledger::TrackedTable* table = nullptr;
  // The tables that were met so far. A null stands for one that is not in the catalog.
  std::unordered_map<int64_t, const ledger::TrackedTable*> tables;
  while (true) {
    HL_ASSIGN(const bool row, entries->Step());
    if (!row) return Ok();
    if (entries->Int(1) != table_id) {
      table_id = entries->Int(1);
      const auto [it, is_new] = tables.try_emplace(table_id, nullptr);
      if (is_new) it->second = catalog.ById(table_id);
      table = it->second;
    }
    if (table == nullptr) continue;
    key.clear();
    for (size_t i = 0; i < table->table.key.size(); ++i)
      key.push_back(entries->Column(kFirstKey + static_cast<int>(i)));
    const bool displaced = entries->Int(2) == static_cast<int64_t>(JournalOp::kDisplaced);
    HL_TRY(visit({table, displaced, Lseq(entries->Int(0)), key}));
  }
}

Status VisitNetChanges(Connection* db, const ledger::Catalog& catalog, const ledger::State& state,
                       Lseq from, Lseq to, const NetChangeVisitor& visit) {
  if (from >= to) return Ok();
  const Lseq folded = std::clamp(state.folded_to, from, to);
  if (!HL_MUTANT(folded_not_sent))
    HL_TRY(ScanRange(db, catalog, from, folded, state.self_index, visit));
  return ScanRange(db, catalog, folded, to, std::nullopt, visit);
}

Status VisitVersions(Connection* db, const ledger::Catalog& catalog, const Unfolded& unfolded,
                     ledger::OriginIndex origin, Lseq from, Lseq to,
                     const NetChangeVisitor& visit) {
  for (const ledger::TrackedTable& tracked : catalog.tables) {
    const auto newer = unfolded.find(tracked.id);
    HL_ASSIGN(const bool shadows, ledger::HasShadows(db, tracked));
    HL_ASSIGN(Statement scan,
              db->Prepare(fmt::format(
                  "SELECT v.lseq, v.hlc, v.gone{}{}{} FROM {} v {}LEFT JOIN {} t ON {} "
                  "WHERE v.n = ?1 AND v.lseq > ?2 AND v.lseq <= ?3",
                  ledger::KeyColumns("v", tracked.table), ledger::ImageColumns("t", tracked.table),
                  ShadowColumn(shadows), Quote(ledger::VersionTableName(tracked.id)),
                  ShadowJoin(tracked, shadows), Quote(tracked.table.name),
                  ledger::KeyMatches("t", "v", tracked.table))));
    scan.Bind(1, origin.value);
    scan.Bind(2, from.value + HL_MUTANT(repair_range_off_by_one));
    scan.Bind(3, to.value);
    ledger::RowReader reader(db, tracked.table, /*first_column=*/3);
    while (true) {
      HL_ASSIGN(const bool row, scan.Step());
      if (!row) break;
      HL_TRY(shadows ? reader.ReadShadowed(scan) : reader.Read(scan));
      if (HL_MUTANT(repair_without_tombstones) && scan.Int(2) != 0) continue;
      const bool live = scan.Int(2) == 0;
      if (live && !reader.present()) continue;
      if (newer != unfolded.end() && newer->second.Newest(reader.ImageKey()).value != 0) continue;
      // A row may be in its table although its version says that it is deleted and no entry says
      // otherwise. No trigger saw its insert, so the version counts.
      HL_TRY(visit({&tracked, Lseq(scan.Int(0)), Hlc(scan.Int(1)), live, reader.key(),
                    reader.image(), reader.ImageKey()}));
    }
  }
  return Ok();
}

Status VisitKeys(Connection* db, const ledger::TrackedTable& tracked,
                 const std::vector<change::Row>& keys,
                 const std::function<Status(ledger::OriginIndex, const NetChange&)>& visit) {
  HL_ASSIGN(const bool shadows, ledger::HasShadows(db, tracked));
  HL_ASSIGN(Statement scan,
            db->Prepare(fmt::format("SELECT v.lseq, v.hlc, v.n{}{}{} FROM {} v {}LEFT JOIN {} t ON "
                                    "{} WHERE v.gone = 0 AND {}",
                                    ledger::KeyColumns("v", tracked.table),
                                    ledger::ImageColumns("t", tracked.table), ShadowColumn(shadows),
                                    Quote(ledger::VersionTableName(tracked.id)),
                                    ShadowJoin(tracked, shadows), Quote(tracked.table.name),
                                    ledger::KeyMatches("t", "v", tracked.table),
                                    ledger::HiddenKeyIs(tracked.table, 1, "v"))));
  ledger::RowReader reader(db, tracked.table, /*first_column=*/3);
  for (const change::Row& key : keys) {
    scan.BindAll(key);
    HL_ASSIGN(const bool row, scan.Step());
    if (!row) continue;
    HL_TRY(shadows ? reader.ReadShadowed(scan) : reader.Read(scan));
    if (reader.present())
      HL_TRY(visit(ledger::OriginIndex(scan.Int(2)),
                   {&tracked, Lseq(scan.Int(0)), Hlc(scan.Int(1)), true, reader.key(),
                    reader.image(), reader.ImageKey()}));
    scan.Reset();
  }
  return Ok();
}

int64_t HashImage(const schema::Table& table, std::span<const ValueView> image) {
  uint64_t sum = 0;
  for (size_t i = 0; i < image.size(); ++i)
    sum += change::HashColumn(table.column_seeds[i], image[i]);
  return static_cast<int64_t>(sum == 0 ? 1 : sum);
}

namespace {

// Writes net changes into the version tables as this node's own. The statements that are prepared
// for a table serve all of its changes that follow each other.
class Folder {
 public:
  Folder(Connection* db, ledger::OriginIndex self) : db_(db), self_(self) {}

  Status Add(const NetChange& change) {
    if (current_ != change.table) HL_TRY(Start(change.table));
    if (HL_MUTANT(local_delete_forgotten) && !change.present) return Ok();
    if (shadows_ && !HL_MUTANT(freed_value_unnoticed)) HL_TRY(shadows_->NoteWrite(change.key));
    if (current_->in_references) HL_TRY(ledger::Touch(db_, *current_, change.key));
    upsert_->Bind(1, change.stamp.value);
    upsert_->Bind(2, self_.value);
    upsert_->Bind(3, change.lseq.value);
    upsert_->Bind(4, int64_t{!change.present});
    upsert_->Bind(5, change.present ? HashImage(current_->table, change.image) : 0);
    if (change.present && !current_->had_rows)
      upsert_->Bind(6, change.lseq.value - change.first.value);
    else
      upsert_->BindNull(6);
    for (size_t i = 0; i < change.key.size(); ++i)
      upsert_->Bind(static_cast<int>(i) + 7, change.key[i]);
    return upsert_->Run();
  }

 private:
  Status Start(const ledger::TrackedTable* table) {
    current_ = table;
    HL_ASSIGN(upsert_, db_->PrepareCached(FoldSql(*table)));
    shadows_.reset();
    HL_ASSIGN(const bool any, ledger::HasShadows(db_, *table));
    if (any) shadows_.emplace(db_, *table);
    return Ok();
  }

  Connection* db_;  // not owned
  ledger::OriginIndex self_;
  const ledger::TrackedTable* current_ = nullptr;
  sqlite::CachedStatement upsert_;
  std::optional<ledger::ShadowTable> shadows_;  // set if the table has shadowed rows
};

}  // namespace

Result<bool> Fold(Connection* db, const ledger::Catalog& catalog, ledger::State* state,
                  int64_t limit) {
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db));
  if (state->folded_to >= end.last) return true;
  const Lseq to(std::min(end.last.value, state->folded_to.value + limit));
  Folder folder(db, state->self_index);
  HL_TRY(ScanRange(db, catalog, state->folded_to, to, std::nullopt,
                   [&](const NetChange& change) { return folder.Add(change); }));
  state->folded_to = to;
  return to == end.last;
}

Result<bool> Trim(Connection* db, const ledger::State& state, int64_t limit) {
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db));
  HL_ASSIGN(const Lseq first, FirstEntry(db));
  const int64_t published = HL_MUTANT(trim_beyond_published) ? INT64_MAX : state.published_to.value;
  const int64_t done = std::min({state.folded_to.value, published, end.last.value - 1});
  if (done < first.value) return true;
  const int64_t to = std::min(done, first.value + limit - 1);
  HL_ASSIGN(auto trim, db->PrepareCached("DELETE FROM __harmonylite__journal WHERE id <= ?1"));
  trim->Bind(1, to);
  HL_TRY(trim->Run());
  return to == done;
}

Status RaiseClock(Connection* db, Hlc stamp) {
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db));
  if (end.stamp >= stamp) return Ok();
  // A tick is raised in place, so that a node which only receives keeps one entry and not one for
  // each batch.
  const bool newest_is_tick = end.last != end.last_change || HL_MUTANT(change_restamped);
  HL_ASSIGN(
      auto raise,
      db->PrepareCached(newest_is_tick ? "UPDATE __harmonylite__journal SET hlc = ?1 WHERE id = ?2"
                                       : "INSERT INTO __harmonylite__journal(id, tbl, op, hlc) "
                                         "VALUES(?2 + 1, 0, 0, ?1)"));
  raise->Bind(1, stamp.value);
  raise->Bind(2, end.last.value);
  return raise->Run();
}

Status Append(Connection* db, const ledger::TrackedTable& table, std::span<const ValueView> key,
              const Clock& clock) {
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db));
  std::string names;
  std::string values;
  for (size_t i = 1; i <= key.size(); ++i) {
    names += fmt::format(", k{}", i);
    values += fmt::format(", ?{}", i + 3);
  }
  HL_ASSIGN(auto add,
            db->PrepareCached(fmt::format("INSERT INTO __harmonylite__journal(tbl, op, hlc{}) "
                                          "VALUES(?1, 1, {}{})",
                                          names, LaterStamp("?2", "?3"), values)));
  add->Bind(1, table.id);
  add->Bind(2, end.stamp.value);
  add->Bind(3, HlcFromMillis(clock.WallMs()).value);
  for (size_t i = 0; i < key.size(); ++i) add->Bind(static_cast<int>(i) + 4, key[i]);
  return add->Run();
}

}  // namespace harmonylite::capture
