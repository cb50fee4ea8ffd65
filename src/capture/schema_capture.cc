#include "capture/schema_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "base/mutant.h"
#include "capture/column_renames.h"
#include "capture/journal.h"
#include "ledger/hidden_tables.h"
#include "ledger/registry.h"
#include "ledger/retirement_table.h"
#include "ledger/shadows.h"
#include "schema/object_row.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using ledger::ObjectRows;
using ledger::SeenObject;
using ledger::SeenSchema;
using schema::Object;
using schema::ObjectId;
using schema::ObjectKind;
using schema::ObjectRow;
using sqlite::Connection;
using sqlite::FoldCase;

// Returns what is remembered of an object as it is: its present name and columns.
ObjectRow AsSeen(ObjectRow row) {
  row.names = {row.names.back()};
  row.seen = {};
  std::erase_if(row.columns, [](const schema::ColumnRow& column) { return column.dropped; });
  for (schema::ColumnRow& column : row.columns) column.names = {column.names.back()};
  return row;
}

// Gives the columns of `mine` the identities that `theirs` has for columns of the same names.
void TakeColumnIds(const ObjectRow& theirs, ObjectRow* mine) {
  for (schema::ColumnRow& column : mine->columns) {
    const schema::ColumnRow* known = theirs.FindLive(column.name());
    if (known != nullptr) column = *known;
  }
}

int64_t CountDropped(const ObjectRow& row) {
  return std::ranges::count_if(row.columns, &schema::ColumnRow::dropped);
}

Result<bool> Exists(Connection* db, ObjectKind kind, std::string_view name) {
  if (kind == ObjectKind::kPragma) return false;
  HL_ASSIGN(auto find, db->PrepareCached("SELECT 1 FROM sqlite_schema WHERE type = ?1 AND "
                                         "lower(name) = ?2"));
  const std::string folded = FoldCase(name);
  find->Bind(1, schema::KindName(kind));
  find->Bind(2, folded);
  return find->Step();
}

// One look at the schema.
class Look {
 public:
  Look(Connection* db, SchemaReading reading, const ledger::Catalog& catalog, const Clock* clock)
      : db_(db),
        catalog_(catalog),
        clock_(clock),
        before_(std::move(reading.seen)),
        rows_(std::move(reading.rows)),
        objects_(std::move(reading.objects)) {}

  // Returns true if nothing was left.
  Result<bool> Run(const std::function<bool()>& enough) {
    for (const ledger::TrackedTable& tracked : catalog_.tables)
      tracked_.emplace(FoldCase(tracked.table.name), &tracked);
    for (const auto& [key, seen] : before_.objects) {
      by_name_.emplace(std::pair(key.kind, FoldCase(seen.row.name())), key);
      if (seen.table_id != 0) by_number_.emplace(seen.table_id, key);
    }
    for (const auto& [key, row] : rows_)
      if (!row.dropped()) rows_by_name_.emplace(std::pair(key.kind, FoldCase(row.name())), key);
    bool left = false;
    for (const Object& object : objects_) {
      left = std::exchange(worked_, false) && enough();
      if (left) break;
      HL_TRY(Take(object));
    }
    if (left) return Leave();
    if (clock_ != nullptr) HL_TRY(DropMissing());
    HL_TRY(Reshape());
    HL_ASSIGN(now_.numbers, schema::ReadHeaderNumbers(db_));
    HL_TRY(ledger::SaveSeen(db_, before_, now_));
    return true;
  }

 private:
  using Named = std::map<std::pair<ObjectKind, std::string>, ObjectId>;

  // Notes what was taken. The numbers of the header stay those of the last complete look.
  Result<bool> Leave() {
    HL_TRY(Reshape());
    for (const auto& [key, seen] : before_.objects) now_.objects.emplace(key, seen);
    now_.numbers = before_.numbers;
    HL_TRY(ledger::SaveSeen(db_, before_, now_));
    return false;
  }

  Status Take(const Object& object) {
    const ledger::TrackedTable* tracked = FindTracked(object);
    const int64_t number = tracked == nullptr ? 0 : tracked->id;
    const auto table = ids_.find(FoldCase(object.table));
    const std::string table_id = table == ids_.end() ? FoldCase(object.table) : table->second;
    const SeenObject* seen = FindSeen(object, number);
    ObjectRow row;
    if (clock_ == nullptr) {
      const auto known = rows_by_name_.find({object.kind, FoldCase(object.name)});
      if (known == rows_by_name_.end() && seen == nullptr) return Ok();
      row = schema::NewRow(
          object, known != rows_by_name_.end() ? known->second.id : seen->row.key.id, table_id);
      TakeColumnIds(known != rows_by_name_.end() ? rows_.at(known->second) : seen->row, &row);
    } else if (seen == nullptr) {
      worked_ = true;
      HL_ASSIGN(row, Adopt(object, tracked, table_id));
    } else if (seen->row.name() == object.name && seen->row.sql == object.sql &&
               seen->row.table == table_id) {
      row = seen->row;
    } else {
      worked_ = true;
      HL_ASSIGN(row, Change(*seen, object, tracked, table_id));
    }
    if (object.kind == ObjectKind::kTable || object.kind == ObjectKind::kView)
      ids_[FoldCase(object.name)] = row.key.id;
    const ObjectId key = row.key;
    now_.objects[key] = {AsSeen(std::move(row)), number};
    return Ok();
  }

  const ledger::TrackedTable* FindTracked(const Object& object) const {
    const auto it = tracked_.find(FoldCase(object.name));
    return object.kind != ObjectKind::kTable || it == tracked_.end() ? nullptr : it->second;
  }

  const SeenObject* FindSeen(const Object& object, int64_t number) const {
    const auto numbered = by_number_.find(number);
    if (number != 0 && numbered != by_number_.end() && !now_.objects.contains(numbered->second))
      return &before_.objects.at(numbered->second);
    const auto named = by_name_.find({object.kind, FoldCase(object.name)});
    if (named == by_name_.end() || now_.objects.contains(named->second)) return nullptr;
    return &before_.objects.at(named->second);
  }

  // Returns the row of an object that was not seen before. Another node may have made the same
  // object; then both definitions are united.
  Result<ObjectRow> Adopt(const Object& object, const ledger::TrackedTable* tracked,
                          const std::string& table_id) {
    const auto known = rows_by_name_.find({object.kind, FoldCase(object.name)});
    if (known != rows_by_name_.end() && !now_.objects.contains(known->second)) {
      const ObjectRow& theirs = rows_.at(known->second);
      ObjectRow mine = schema::NewRow(object, theirs.key.id, table_id);
      TakeColumnIds(theirs, &mine);
      HL_ASSIGN([[maybe_unused]] const auto added, NoteAdded(theirs, tracked, &mine));
      if (!schema::SameObject(mine, theirs)) HL_TRY(Write(schema::Unite(mine, theirs)));
      return mine;
    }
    ObjectRow row = schema::NewRow(object, FreshId(object), table_id);
    HL_ASSIGN([[maybe_unused]] const auto added, NoteAdded({}, tracked, &row));
    HL_TRY(Write(row));
    return row;
  }

  // A table that is made again is another one, whose rows are new. Anything else is the same again.
  std::string FreshId(const Object& object) const {
    const std::string first = FoldCase(object.name);
    std::string id = first;
    for (int n = 2; IsUsed({object.kind, id}); ++n) id = fmt::format("{}#{}", first, n);
    return id;
  }

  bool IsUsed(const ObjectId& key) const {
    if (now_.objects.contains(key)) return true;
    const auto row = rows_.find(key);
    return row != rows_.end() && (key.kind == ObjectKind::kTable || !row->second.dropped());
  }

  Result<ObjectRow> Change(const SeenObject& seen, const Object& object,
                           const ledger::TrackedTable* tracked, const std::string& table_id) {
    schema::ColumnRenames renames = schema::PossibleRenames(seen.row, object);
    if (HL_MUTANT(rename_is_drop_and_add)) renames.clear();
    if (!renames.empty() && tracked != nullptr) {
      const bool ambiguous = schema::IsAmbiguous(renames, seen.row, object);
      HL_ASSIGN(const RenameEvidence evidence, WereRenamed(db_, *tracked, renames, ambiguous));
      if (!evidence.renamed) renames.clear();
      for (const change::Row& key : evidence.unclear)
        HL_TRY(Append(db_, *tracked, change::Views(key), *clock_));
    }
    const auto present = rows_.find(seen.row.key);
    // A column that is added again is another one.
    ObjectRow before = seen.row;
    if (present != rows_.end())
      std::ranges::copy_if(present->second.columns, std::back_inserter(before.columns),
                           [&](const schema::ColumnRow& column) {
                             return column.dropped && before.Find(column.id) == nullptr;
                           });
    ObjectRow after = schema::Changed(before, object, renames, table_id);
    HL_ASSIGN(const std::vector<std::string> added, NoteAdded(before, tracked, &after));
    HL_TRY(NoteShared(before, tracked, &after));
    if (CountDropped(after) > CountDropped(before)) {
      HL_ASSIGN(after.seen, Applied());
      // A column that is gone may be the one that is new.
      if (tracked != nullptr && !added.empty())
        HL_TRY(JournalNewValues(db_, *tracked, added, *clock_));
    }
    // An object that another node dropped, and that this file keeps, is this file's own.
    if (present == rows_.end() || present->second.dropped()) return after;
    ObjectRow row = schema::WithChange(present->second, seen.row, after);
    if (row != present->second) HL_TRY(Write(row));
    return after;
  }

  // Notes what rows have in the columns that are new, and returns these.
  Result<std::vector<std::string>> NoteAdded(const ObjectRow& before,
                                             const ledger::TrackedTable* tracked,
                                             ObjectRow* after) {
    std::vector<std::string> added;
    if (tracked == nullptr) return added;
    HL_ASSIGN(const Initials initials, InitialsOf(db_, tracked->table));
    for (schema::ColumnRow& column : after->columns) {
      const bool stored = std::ranges::any_of(tracked->table.columns, [&](const std::string& name) {
        return sqlite::SameName(name, column.name());
      });
      if (column.dropped || before.Find(column.id) != nullptr || !stored) continue;
      if (NameWasDropped(before, column.name())) {
        HL_ASSIGN(column.since, NextChange());
      }
      const auto initial = initials.find(FoldCase(column.name()));
      if (initial != initials.end()) column.initial = initial->second;
      added.push_back(column.name());
    }
    return added;
  }

  static bool NameWasDropped(const ObjectRow& before, std::string_view name) {
    return std::ranges::any_of(before.columns, [&](const schema::ColumnRow& column) {
      return column.dropped && std::ranges::any_of(column.names, [&](const std::string& one) {
               return sqlite::SameName(one, name);
             });
    });
  }

  // Returns the change that this file journals next.
  Result<std::pair<Origin, Lseq>> NextChange() {
    HL_ASSIGN(const ledger::State state, ledger::LoadState(db_));
    HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db_));
    return std::pair(state.self, Lseq(end.last.value + 1));
  }

  // A new column that may not be NULL and has no default was filled by the application.
  Status NoteShared(const ObjectRow& before, const ledger::TrackedTable* tracked,
                    ObjectRow* after) {
    if (tracked == nullptr) return Ok();
    for (schema::ColumnRow& column : after->columns)
      if (!column.dropped && !column.initial && before.Find(column.id) == nullptr) {
        HL_ASSIGN(column.initial, SharedValueOf(db_, tracked->table, column.name()));
      }
    return Ok();
  }

  // Rows that are kept outside of their tables get the columns that these have now.
  Status Reshape() {
    for (const auto& [key, now] : now_.objects) {
      const ledger::TrackedTable* tracked = catalog_.ById(now.table_id);
      if (tracked == nullptr || !tracked->has_shadow_table) continue;
      const auto before = before_.objects.find(key);
      const ObjectRow& former = before == before_.objects.end() ? now.row : before->second.row;
      if (former.columns == now.row.columns && former.sql == now.row.sql) continue;
      HL_TRY(ledger::ReshapeShadows(db_, *tracked, former, now.row));
    }
    return Ok();
  }

  // An object that is there, but is left out by the configuration now, was not dropped.
  Status DropMissing() {
    for (const auto& [key, seen] : before_.objects) {
      if (now_.objects.contains(key)) continue;
      HL_ASSIGN(const bool there, Exists(db_, key.kind, seen.row.name()));
      if (there) continue;
      if (const auto row = rows_.find(key); row != rows_.end() && !row->second.dropped()) {
        ObjectRow dropped = row->second;
        dropped.sql.clear();
        HL_ASSIGN(dropped.seen, Applied());
        HL_TRY(Write(dropped));
      }
      if (seen.table_id != 0 && catalog_.ById(seen.table_id) == nullptr)
        HL_TRY(ledger::RetireRegistered(db_, seen.table_id));
    }
    return Ok();
  }

  // Returns what is applied in this file now, its own changes included.
  Result<change::ProgressVector> Applied() {
    HL_ASSIGN(const ledger::State state, ledger::LoadState(db_));
    HL_ASSIGN(const ledger::OriginTable origins, ledger::OriginTable::Load(db_));
    HL_ASSIGN(const change::ProgressVector progress, ledger::LoadProgress(db_, origins));
    HL_ASSIGN(const change::Retirements retirements, ledger::LoadRetirements(db_, origins));
    HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db_));
    change::ProgressVector out =
        change::Knowledge(progress, retirements, state.self, end.last).Expanded();
    out.Advance(state.self, end.last);
    return out;
  }

  Status Write(const ObjectRow& row) { return WriteObject(db_, catalog_, row, *clock_); }

  Connection* db_;  // not owned
  const ledger::Catalog& catalog_;
  const Clock* clock_;  // not owned; null if nothing is to be journaled
  SeenSchema before_;
  SeenSchema now_;
  ObjectRows rows_;
  std::vector<Object> objects_;  // of the present schema
  bool worked_ = false;          // true if the object before was new or has changed
  Named by_name_;                // seen objects, by folded name
  std::map<std::string, const ledger::TrackedTable*> tracked_;  // of catalog_, by folded name
  std::map<int64_t, ObjectId> by_number_;                       // seen tables, by TrackedTable::id
  Named rows_by_name_;                      // all nodes' objects, by folded name
  std::map<std::string, std::string> ids_;  // of tables and views, by folded name
};

}  // namespace

Result<SchemaReading> ReadForCapture(Connection* db, const schema::LoadOptions& options) {
  SchemaReading out;
  HL_ASSIGN(out.seen, ledger::LoadSeen(db));
  HL_ASSIGN(out.rows, ledger::LoadObjects(db));
  HL_ASSIGN(out.objects, schema::ListObjects(db, options));
  return out;
}

Result<bool> CaptureSchema(Connection* db, SchemaReading reading, const ledger::Catalog& catalog,
                           const Clock& clock, const std::function<bool()>& enough) {
  return Look(db, std::move(reading), catalog, &clock).Run(enough);
}

Status CaptureSchema(Connection* db, const schema::LoadOptions& options,
                     const ledger::Catalog& catalog, const Clock& clock) {
  HL_ASSIGN(SchemaReading reading, ReadForCapture(db, options));
  HL_ASSIGN([[maybe_unused]] const bool all,
            CaptureSchema(db, std::move(reading), catalog, clock, [] { return false; }));
  return Ok();
}

Status NoteSeen(Connection* db, const schema::LoadOptions& options,
                const ledger::Catalog& catalog) {
  HL_ASSIGN(SchemaReading reading, ReadForCapture(db, options));
  HL_ASSIGN([[maybe_unused]] const bool all,
            Look(db, std::move(reading), catalog, nullptr).Run([] { return false; }));
  return Ok();
}

Result<bool> IsSeen(Connection* db, const schema::LoadOptions& options) {
  HL_ASSIGN(const schema::HeaderNumbers numbers, ledger::LoadSeenNumbers(db));
  if (numbers.version < 0) return true;
  HL_ASSIGN(const SeenSchema seen, ledger::LoadSeen(db));
  std::map<std::pair<ObjectKind, std::string>, std::string> texts;
  for (const auto& [key, object] : seen.objects)
    texts.emplace(std::pair(key.kind, object.row.name()), object.row.sql);
  HL_ASSIGN(const std::vector<Object> objects, schema::ListObjects(db, options));
  if (objects.size() != texts.size()) return false;
  return std::ranges::all_of(objects, [&](const Object& object) {
    const auto text = texts.find({object.kind, object.name});
    return text != texts.end() && text->second == object.sql;
  });
}

Result<bool> LooksAsRowsSay(Connection* db) {
  HL_ASSIGN(const SeenSchema seen, ledger::LoadSeen(db));
  HL_ASSIGN(const ObjectRows rows, ledger::LoadObjects(db));
  size_t present = 0;
  for (const auto& [key, row] : rows) {
    if (row.dropped()) continue;
    ++present;
    const auto it = seen.objects.find(key);
    if (it == seen.objects.end() || it->second.row != AsSeen(row)) return false;
  }
  return present == seen.objects.size();
}

Status WriteObject(Connection* db, const ledger::Catalog& catalog, const ObjectRow& row,
                   const Clock& clock) {
  HL_TRY(ledger::SaveObject(db, row));
  const change::Row key = ledger::KeyOf(row.key);
  HL_TRY(Append(db, *ledger::SchemaTable(catalog), change::Views(key), clock));
  return ledger::NoteObjectWritten(db, Lseq(db->last_insert_rowid()));
}

}  // namespace harmonylite::capture
