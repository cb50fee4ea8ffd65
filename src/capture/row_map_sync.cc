#include "capture/row_map_sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/journal.h"
#include "ledger/hash_judge.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/registry.h"
#include "ledger/row_identity.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using change::Value;
using change::ValueView;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// A row map in memory: rowid to identity.
using Places = std::map<int64_t, Value>;

// A journal entry about rowids.
struct PlaceEntry {
  int64_t lseq;  // 0 for a renumbering that was not journaled
  JournalOp op;  // kPlaceWritten, kPlaceLeft or kRenumbered
  int64_t place;
  Value identity;  // of the row, should no row have been at the place
};

// Gives rows identities by their content. Rows with equal content are numbered.
class ContentIdentities {
 public:
  explicit ContentIdentities(const schema::Table& table) : table_(table) {}

  // `image` is a row in the order of the table's columns, with anything as its identity.
  Value Of(std::span<const ValueView> image) {
    const uint64_t hash = ledger::ContentHash(table_, image);
    return ledger::ContentIdentity(hash, seen_[hash]++);
  }

 private:
  const schema::Table& table_;
  std::unordered_map<uint64_t, uint64_t> seen_;
};

// Returns queries for all rows in the order of their rowids. Each selects the rowid and some of the
// table's columns, in their order, because the result of a query has at most `most` columns.
std::vector<std::string> RowsSql(const schema::Table& table, size_t most) {
  std::vector<std::string> out;
  for (size_t i = 1; i < table.columns.size(); i += most - 1) {
    std::string columns;
    for (size_t j = i; j < std::min(i + most - 1, table.columns.size()); ++j)
      columns += ", " + Quote(table.columns[j]);
    out.push_back(fmt::format("SELECT {0}{1} FROM {2} ORDER BY {0}", table.identity->rowid, columns,
                              Quote(table.name)));
  }
  return out;
}

// How many rows are not what is known of their identities.
struct Misfits {
  int64_t never_written = 0;  // by the content of which the identity is made
  int64_t written = 0;        // by the hash in the version; an audit finds them
};

// The row map of one table, and its table.
class RowMap {
 public:
  RowMap(Connection* db, const ledger::TrackedTable& tracked)
      : db_(db), tracked_(tracked), name_(Quote(ledger::RowMapName(tracked.id))) {}

  Result<Places> Load() {
    HL_ASSIGN(Statement list,
              db_->Prepare(fmt::format("SELECT local, k1 FROM {} ORDER BY local", name_)));
    Places out;
    HL_TRY(list.ForEachRow([&](const Statement& row) {
      out.emplace_hint(out.end(), row.Int(0), Value(row.Column(1)));
    }));
    return out;
  }

  Status Save(const Places& places) {
    return Refill([&](Statement* add) -> Status {
      for (const auto& [place, identity] : places) HL_TRY(Add(add, place, identity));
      return Ok();
    });
  }

  // Fills the empty map of a table that is new here.
  Status Fill() {
    ContentIdentities identities(tracked_.table);
    return Refill([&](Statement* add) {
      return ForEachRow([&](int64_t place, std::vector<ValueView>* image) {
        return Add(add, place, identities.Of(*image));
      });
    });
  }

  Result<Places> ByContent() {
    ContentIdentities identities(tracked_.table);
    Places out;
    HL_TRY(ForEachRow([&](int64_t place, std::vector<ValueView>* image) {
      out.emplace_hint(out.end(), place, identities.Of(*image));
      return Ok();
    }));
    return out;
  }

  // Returns whether the map has exactly the rowids of the table.
  Result<bool> Fits(const Places& places) {
    HL_ASSIGN(Statement list, db_->Prepare(fmt::format("SELECT {0} FROM {1} ORDER BY {0}",
                                                       tracked_.table.identity->rowid,
                                                       Quote(tracked_.table.name))));
    auto expected = places.begin();
    while (true) {
      HL_ASSIGN(const bool row, list.Step());
      if (!row) return expected == places.end();
      if (expected == places.end() || expected->first != list.Int(0)) return false;
      ++expected;
    }
  }

  // Compares each row with what is known of the identity that `places` gives it. `unfolded` are
  // identities with an entry that is not folded; of those nothing is known.
  Result<Misfits> Compare(const Places& places, const std::set<std::string>& unfolded,
                          const ledger::HashJudge& judge) {
    HL_ASSIGN(Statement version,
              db_->Prepare(fmt::format("SELECT gone, hash FROM {} WHERE {}",
                                       Quote(ledger::VersionTableName(tracked_.id)),
                                       ledger::HiddenKeyIs(tracked_.table))));
    Misfits out;
    auto at = places.begin();
    HL_TRY(ForEachRow([&](int64_t, std::vector<ValueView>* image) -> Status {
      const ValueView identity = (at++)->second;
      if (unfolded.contains(std::string(identity.bytes))) return Ok();
      version.BindAll(std::span(&identity, 1));
      HL_ASSIGN(const bool written, version.Step());
      if (written) {
        image->front() = identity;
        const bool fits = version.Int(0) == 0 &&
                          judge.Judge(*image, version.Int(1)) != ledger::HashJudge::kChanged;
        if (!fits) ++out.written;
      } else {
        const auto content = ledger::ContentHashIn(identity);
        if (!content || judge.Judge(*image, *content) == ledger::HashJudge::kChanged)
          ++out.never_written;
      }
      version.Reset();
      return Ok();
    }));
    return out;
  }

  // Returns the identities with a journal entry that is not folded.
  Result<std::set<std::string>> Unfolded(Lseq folded_to) {
    HL_ASSIGN(Statement list,
              db_->Prepare(fmt::format("SELECT k1 FROM __harmonylite__journal WHERE id > ?1 AND "
                                       "tbl = ?2 AND op = {}",
                                       static_cast<int64_t>(JournalOp::kChange))));
    list.Bind(1, folded_to.value);
    list.Bind(2, tracked_.id);
    std::set<std::string> out;
    HL_TRY(list.ForEachRow([&](const Statement& row) { out.emplace(row.Column(0).bytes); }));
    return out;
  }

 private:
  Status Refill(const std::function<Status(Statement*)>& fill) {
    HL_TRY(ledger::EmptyRowMap(db_, tracked_.id));
    {
      HL_ASSIGN(Statement add,
                db_->Prepare(fmt::format("INSERT INTO {}(local, k1) VALUES(?1, ?2)", name_)));
      HL_TRY(fill(&add));
    }
    return ledger::IndexRowMap(db_, tracked_.id);
  }

  static Status Add(Statement* add, int64_t place, const Value& identity) {
    add->Bind(1, place);
    add->Bind(2, identity.view());
    return add->Run();
  }

  // Calls `visit` with the rowid of each row, and its columns with NULL as its identity.
  Status ForEachRow(const std::function<Status(int64_t, std::vector<ValueView>*)>& visit) {
    std::vector<Statement> parts;
    for (const std::string& sql : RowsSql(tracked_.table, db_->max_columns())) {
      HL_ASSIGN(Statement part, db_->Prepare(sql));
      parts.push_back(std::move(part));
    }
    std::vector<ValueView> image;
    while (true) {
      image.assign(1, ValueView::Null());
      bool row = false;
      for (Statement& part : parts) {
        HL_ASSIGN(row, part.Step());
        for (int i = 1; row && i < part.columns(); ++i) image.push_back(part.Column(i));
      }
      if (!row) return Ok();
      HL_TRY(visit(parts.front().Int(0), &image));
    }
  }

  Connection* db_;  // not owned
  const ledger::TrackedTable& tracked_;
  std::string name_;  // quoted
};

// Returns the map with the ranks of the rowids for rowids.
Places Ranked(const Places& places) {
  Places out;
  int64_t rank = 0;
  for (const auto& [place, identity] : places) out.emplace_hint(out.end(), ++rank, identity);
  return out;
}

// Which identity an entry of the journal names; one for each PlaceEntry.
using Named = std::vector<Value>;

// Does to the map what VACUUM and the triggers would have done. `ranked` says that VACUUM numbers
// this table's rows anew.
Named Replay(const std::vector<PlaceEntry>& entries, bool ranked, Places* places) {
  Named out;
  for (const PlaceEntry& entry : entries) {
    Value& identity = out.emplace_back();
    if (entry.op == JournalOp::kRenumbered) {
      if (ranked) *places = Ranked(*places);
      continue;
    }
    const auto at = places->find(entry.place);
    identity = at == places->end() ? entry.identity : at->second;
    if (entry.op == JournalOp::kPlaceWritten)
      (*places)[entry.place] = identity;
    else
      places->erase(entry.place);
  }
  return out;
}

// Reads the journal entries about rowids that concern a table. They are not folded.
Result<std::vector<PlaceEntry>> LoadPlaceEntries(Connection* db, int64_t table_id, Lseq folded_to) {
  HL_ASSIGN(Statement list,
            db->Prepare(fmt::format("SELECT id, op, {}, {} FROM __harmonylite__journal WHERE "
                                    "id > ?1 AND (tbl = ?2 AND op IN ({}, {}) OR op = {}) "
                                    "ORDER BY id",
                                    ledger::kPlace, ledger::kPlaceIdentity,
                                    static_cast<int64_t>(JournalOp::kPlaceWritten),
                                    static_cast<int64_t>(JournalOp::kPlaceLeft),
                                    static_cast<int64_t>(JournalOp::kRenumbered))));
  list.Bind(1, folded_to.value);
  list.Bind(2, table_id);
  std::vector<PlaceEntry> out;
  HL_TRY(list.ForEachRow([&](const Statement& row) {
    out.push_back(
        {row.Int(0), static_cast<JournalOp>(row.Int(1)), row.Int(2), Value(row.Column(3))});
  }));
  return out;
}

// Makes changes of the entries that name rowids.
Status SavePlaceEntries(Connection* db, const std::vector<PlaceEntry>& entries,
                        const Named& named) {
  HL_ASSIGN(Statement update,
            db->Prepare(fmt::format("UPDATE __harmonylite__journal SET op = {}, k1 = ?1 "
                                    "WHERE id = ?2",
                                    static_cast<int64_t>(JournalOp::kChange))));
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].op == JournalOp::kRenumbered) continue;
    update.Bind(1, named[i].view());
    update.Bind(2, entries[i].lseq);
    HL_TRY(update.Run());
  }
  return Ok();
}

// A renumbering says nothing any more once all row maps are right.
Status EndRenumberings(Connection* db, Lseq folded_to) {
  HL_ASSIGN(Statement update,
            db->Prepare(fmt::format("UPDATE __harmonylite__journal SET op = {} WHERE id > ?1 AND "
                                    "op = {}",
                                    static_cast<int64_t>(JournalOp::kTick),
                                    static_cast<int64_t>(JournalOp::kRenumbered))));
  update.Bind(1, folded_to.value);
  HL_TRY(update.Run());
  return ledger::ResetRowidMark(db);
}

Result<bool> HasIndex(Connection* db, const std::string& table) {
  HL_ASSIGN(Statement find, db->Prepare("SELECT 1 FROM pragma_index_list(?1) LIMIT 1"));
  find.Bind(1, table);
  return find.Step();
}

class RowMapSync {
 public:
  // `rowids_changed` says that VACUUM has run, and `unnoted` that it did behind the last entry
  // which notes it.
  RowMapSync(Connection* db, const Clock& clock, Lseq folded_to, bool rowids_changed, bool unnoted,
             SyncResult* sync)
      : db_(db),
        clock_(clock),
        folded_to_(folded_to),
        rowids_changed_(rowids_changed),
        unnoted_(unnoted),
        sync_(sync) {}

  // `rebuilt` says that the table may have been rebuilt, or written without triggers.
  Status Run(const ledger::TrackedTable& tracked, const ledger::RegisteredTable& registered,
             bool rebuilt) {
    RowMap map(db_, tracked);
    HL_ASSIGN(const Places former, map.Load());
    HL_ASSIGN(std::vector<PlaceEntry> entries, LoadPlaceEntries(db_, tracked.id, folded_to_));
    if (former.empty() && entries.empty()) return map.Fill();
    if (unnoted_ || !rowids_changed_) entries.push_back({0, JournalOp::kRenumbered, 0, {}});
    HL_ASSIGN(const std::vector<Candidate> candidates, Candidates(tracked, &map, former, entries));
    if (candidates.empty()) return IdentifyAnew(tracked, &map, former, entries);
    const Candidate* chosen = &candidates.front();
    if (rebuilt || candidates.size() > 1) {
      Misfits fewest;
      HL_ASSIGN(chosen, Choose(tracked, registered, &map, candidates, &fewest));
      if (fewest.never_written > 0) return IdentifyAnew(tracked, &map, former, entries);
      if (fewest.written > 0) Audit(tracked.id);
    }
    if (chosen->places != former) HL_TRY(map.Save(chosen->places));
    return SavePlaceEntries(db_, entries, chosen->named);
  }

 private:
  struct Candidate {
    Places places;
    Named named;
  };

  // Returns the maps that have the rowids of the table. VACUUM keeps those of a table with an
  // index, which is tried first then; but the index may be older or newer than VACUUM.
  Result<std::vector<Candidate>> Candidates(const ledger::TrackedTable& tracked, RowMap* map,
                                            const Places& former,
                                            const std::vector<PlaceEntry>& entries) {
    HL_ASSIGN(const bool indexed, HasIndex(db_, tracked.table.name));
    const bool renumbered = rowids_changed_ && !indexed;
    std::vector<Candidate> out;
    for (const bool ranked : {renumbered, !renumbered}) {
      Candidate candidate{former, {}};
      candidate.named = Replay(entries, ranked, &candidate.places);
      HL_ASSIGN(const bool fits, map->Fits(candidate.places));
      const bool is_new = out.empty() || out.front().places != candidate.places;
      if (fits && is_new) out.push_back(std::move(candidate));
    }
    return out;
  }

  // Returns the candidate with the fewest misfits; of equal ones the first.
  Result<const Candidate*> Choose(const ledger::TrackedTable& tracked,
                                  const ledger::RegisteredTable& registered, RowMap* map,
                                  const std::vector<Candidate>& candidates, Misfits* fewest) {
    const ledger::HashJudge judge(tracked.table, registered);
    HL_ASSIGN(const std::set<std::string> unfolded, map->Unfolded(folded_to_));
    const Candidate* chosen = nullptr;
    for (const Candidate& candidate : candidates) {
      std::set<std::string> unknown = unfolded;
      for (const Value& identity : candidate.named) unknown.emplace(identity.view().bytes);
      HL_ASSIGN(const Misfits misfits, map->Compare(candidate.places, unknown, judge));
      const bool fewer = std::pair(misfits.never_written, misfits.written) <
                         std::pair(fewest->never_written, fewest->written);
      if (chosen != nullptr && !fewer) continue;
      chosen = &candidate;
      *fewest = misfits;
    }
    return chosen;
  }

  void Audit(int64_t table_id) {
    const auto is_this = [&](const PendingAudit& audit) { return audit.table_id == table_id; };
    if (std::ranges::none_of(sync_->audits, is_this)) sync_->audits.push_back({table_id});
  }

  Status IdentifyAnew(const ledger::TrackedTable& tracked, RowMap* map, const Places& former,
                      const std::vector<PlaceEntry>& entries) {
    HL_ASSIGN(const Places places, map->ByContent());
    HL_TRY(map->Save(places));
    Places now = places;
    const Named named = Replay(entries, /*ranked=*/false, &now);
    HL_TRY(SavePlaceEntries(db_, entries, named));
    // An identity that is among both may now be that of a row with another content, which an audit
    // finds.
    Audit(tracked.id);
    HL_ASSIGN(const int64_t deleted, JournalDifference(tracked, former, places));
    HL_ASSIGN(const int64_t written, JournalDifference(tracked, places, former));
    sync_->changes.push_back(
        {tracked.table.name,
         fmt::format(
             "has no key, and its rows were numbered anew in a way that cannot be followed: "
             "{} rows are sent as new writes, {} as deleted",
             written, deleted)});
    return Ok();
  }

  // Journals the identities that are among `some` and not among `others`, and counts them.
  Result<int64_t> JournalDifference(const ledger::TrackedTable& tracked, const Places& some,
                                    const Places& others) {
    std::set<std::string_view> known;
    for (const auto& [place, identity] : others) known.insert(identity.view().bytes);
    int64_t count = 0;
    for (const auto& [place, identity] : some) {
      const ValueView key = identity;
      if (known.contains(key.bytes)) continue;
      HL_TRY(Append(db_, tracked, std::span(&key, 1), clock_));
      ++count;
    }
    return count;
  }

  Connection* db_;  // not owned
  const Clock& clock_;
  Lseq folded_to_;
  bool rowids_changed_;
  bool unnoted_;
  SyncResult* sync_;  // not owned
};

}  // namespace

Status SyncRowMaps(Connection* db, const Clock& clock, Lseq folded_to, SyncResult* sync) {
  HL_ASSIGN(const bool changed, ledger::RowidsChanged(db));
  bool unnoted = false;
  if (changed) {
    HL_ASSIGN(unnoted, ledger::RenumberingUnnoted(db));
  }
  RowMapSync row_maps(db, clock, folded_to, changed, unnoted, sync);
  if (!changed && sync->row_maps.empty()) return Ok();
  HL_ASSIGN(const std::vector<ledger::RegisteredTable> registry, ledger::LoadRegistry(db));
  for (const ledger::TrackedTable& tracked : sync->catalog.tables) {
    if (!tracked.table.identity) continue;
    const bool rebuilt = std::ranges::find(sync->row_maps, tracked.id) != sync->row_maps.end();
    const auto registered = std::ranges::find(registry, tracked.id, &ledger::RegisteredTable::id);
    HL_CHECK(registered != registry.end());
    if (changed || rebuilt) HL_TRY(row_maps.Run(tracked, *registered, rebuilt));
  }
  if (changed) HL_TRY(EndRenumberings(db, folded_to));
  // Filling a map makes its index anew.
  HL_ASSIGN(sync->catalog.schema_version, db->QueryInt("PRAGMA schema_version"));
  return Ok();
}

}  // namespace harmonylite::capture
