#include "ledger/shadows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "change/image_codec.h"
#include "ledger/column_default.h"
#include "ledger/contradiction.h"
#include "ledger/key_sql.h"
#include "sqlite/identifier.h"
#include "sqlite/unreadable.h"

namespace harmonylite::ledger {

namespace {

using change::NamedImage;
using change::Row;
using change::ValueView;
using change::Views;
using schema::ObjectRow;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Writes a pattern once for each key column, with its number, such as "k1, k2" or "k1 = ?1 AND k2 =
// ?2".
std::string ForKey(const schema::Table& table, const char* pattern) {
  std::string out;
  for (size_t i = 1; i <= table.key.size(); ++i)
    out += fmt::format("{}{}", i == 1 ? "" : ", ", fmt::format(fmt::runtime(pattern), i));
  return out;
}

Result<bool> Exists(Connection* db, int64_t table_id) {
  // pragma_table_info looks the name up. A query on sqlite_schema would read all of it, and a large
  // schema asks this once for each of its tables.
  HL_ASSIGN(auto find, db->PrepareCached("SELECT 1 FROM pragma_table_info(?1)"));
  const std::string name = ShadowTableName(table_id);
  find->Bind(1, name);
  HL_ASSIGN(const bool found, find->Step());
  return found;
}

Status CreateWantsIndex(Connection* db, int64_t table_id) {
  const std::string name = ShadowTableName(table_id);
  return db->Exec(fmt::format("CREATE INDEX {} ON {}(wants) WHERE wants IS NOT NULL",
                              Quote(name + "_wants"), Quote(name)));
}

// Makes a shadow table. Its key columns have no declared type, like those of a version table.
Status Create(Connection* db, const TrackedTable& tracked) {
  const schema::Table& table = tracked.table;
  const std::string name = Quote(ShadowTableName(tracked.id));
  std::string columns;
  std::string collations;
  for (size_t i = 1; i <= table.key.size(); ++i) {
    const std::string collation = Quote(table.key[i - 1].collation);
    columns += table.integer_key ? "k1 INTEGER PRIMARY KEY, "
                                 : fmt::format("k{} COLLATE {}, ", i, collation);
    collations += fmt::format("b{} COLLATE {}, ", i, collation);
  }
  const std::string primary =
      table.integer_key ? "" : fmt::format(", PRIMARY KEY({})", ForKey(table, "k{}"));
  HL_TRY(db->Exec(fmt::format("CREATE TABLE {}({}{}image BLOB NOT NULL, wants BLOB{}){}", name,
                              columns, collations, primary,
                              table.integer_key ? "" : " WITHOUT ROWID")));
  HL_TRY(db->Exec(fmt::format("CREATE INDEX {} ON {}({})",
                              Quote(ShadowTableName(tracked.id) + "_blocker"), name,
                              ForKey(table, "b{}"))));
  return CreateWantsIndex(db, tracked.id);
}

// Shadow tables of earlier builds lack the column `wants`.
Result<bool> HasWants(Connection* db, int64_t table_id) {
  const std::string name = ShadowTableName(table_id);
  HL_ASSIGN(auto find,
            db->PrepareCached("SELECT 1 FROM pragma_table_info(?1) WHERE name = 'wants'"));
  find->Bind(1, name);
  HL_ASSIGN(const bool found, find->Step());
  return found;
}

Status AddWants(Connection* db, int64_t table_id) {
  HL_ASSIGN(const bool found, HasWants(db, table_id));
  if (found) return Ok();
  const std::string name = ShadowTableName(table_id);
  HL_TRY(sqlite::AlterTable(db, fmt::format("ALTER TABLE {} ADD COLUMN wants BLOB", Quote(name))));
  return CreateWantsIndex(db, table_id);
}

// Returns under which name today's column is found in an image that was kept when the table's
// columns were `before`; empty: the column is new.
std::string Source(const std::string& column, const ObjectRow& before, const ObjectRow& now) {
  const schema::ColumnRow* row = now.FindLive(column);
  if (row == nullptr) return column;
  const schema::ColumnRow* former = before.Find(row->id);
  return former == nullptr ? std::string() : former->name();
}

// Returns what a kept row has in a column that is new.
Result<change::Value> InitialOf(Connection* db, const schema::Table& table,
                                const std::string& column, const ObjectRow& now) {
  const schema::ColumnRow* row = now.FindLive(column);
  if (row != nullptr && row->initial) return ValueOfLiteral(db, table, column, *row->initial);
  return DefaultOf(db, table, column);
}

}  // namespace

std::string ShadowTableName(int64_t table_id) {
  return fmt::format("__harmonylite__s{}", table_id);
}

ShadowTable::ShadowTable(Connection* db, const TrackedTable& tracked)
    : db_(db),
      tracked_(&tracked),
      name_(Quote(ShadowTableName(tracked.id))),
      key_is_(HiddenKeyIs(tracked.table)),
      blocker_is_(HiddenKeyIs(tracked.table, 1, {}, HiddenKey::kBlocker)) {}

Result<bool> ShadowTable::Any() {
  HL_ASSIGN(auto any, db_->PrepareCached(fmt::format("SELECT 1 FROM {} LIMIT 1", name_)));
  HL_ASSIGN(const bool row, any->Step());
  return row;
}

Status ShadowTable::NoteWrite(Key key) {
  HL_TRY(Remove(key));
  HL_ASSIGN(auto wake,
            db_->PrepareCached(fmt::format("UPDATE {} SET {} WHERE {}", name_,
                                           ForKey(tracked_->table, "b{} = NULL"), blocker_is_)));
  wake->BindAll(key);
  return wake->Run();
}

Status ShadowTable::Put(Key key, std::span<const ValueView> image,
                        const std::optional<Key>& blocker) {
  return PutAs(key, image, blocker, ValueView::Null());
}

Status ShadowTable::PutOrphan(Key key, std::span<const ValueView> image, std::string_view wants) {
  return PutAs(key, image, key, ValueView::Blob(wants));
}

Status ShadowTable::PutAs(Key key, std::span<const ValueView> image,
                          const std::optional<Key>& blocker, const ValueView& wants) {
  HL_TRY(Remove(key));
  const size_t keys = key.size();
  const schema::Table& table = tracked_->table;
  std::string values;
  for (size_t i = 1; i <= 2 * keys + 2; ++i) values += fmt::format("{}?{}", i == 1 ? "" : ", ", i);
  HL_ASSIGN(auto put,
            db_->PrepareCached(fmt::format("INSERT INTO {}({}, {}, image, wants) VALUES({})", name_,
                                           ForKey(table, "k{}"), ForKey(table, "b{}"), values)));
  const std::string bytes = change::EncodeImage(table.columns, image);
  for (size_t i = 0; i < keys; ++i) {
    put->Bind(static_cast<int>(i) + 1, key[i]);
    put->Bind(static_cast<int>(keys + i) + 1, blocker ? (*blocker)[i] : ValueView::Null());
  }
  put->Bind(static_cast<int>(2 * keys) + 1, ValueView::Blob(bytes));
  put->Bind(static_cast<int>(2 * keys) + 2, wants);
  return put->Run();
}

Result<bool> ShadowTable::SetBlocker(Key key, const std::optional<Key>& blocker) {
  const size_t keys = key.size();
  std::string sets;
  for (size_t i = 1; i <= keys; ++i)
    sets += fmt::format("{}b{} = ?{}", i == 1 ? "" : ", ", i, keys + i);
  HL_ASSIGN(auto set, db_->PrepareCached(fmt::format("UPDATE {} SET {}, wants = NULL WHERE {}",
                                                     name_, sets, key_is_)));
  for (size_t i = 0; i < keys; ++i) {
    set->Bind(static_cast<int>(i) + 1, key[i]);
    set->Bind(static_cast<int>(keys + i) + 1, blocker ? (*blocker)[i] : ValueView::Null());
  }
  HL_TRY(set->Run());
  return db_->changes() == 1;
}

Status ShadowTable::Remove(Key key) {
  HL_ASSIGN(auto remove,
            db_->PrepareCached(fmt::format("DELETE FROM {} WHERE {}", name_, key_is_)));
  remove->BindAll(key);
  return remove->Run();
}

Result<std::optional<Row>> ShadowTable::Image(Key key) {
  HL_ASSIGN(auto find,
            db_->PrepareCached(fmt::format("SELECT image FROM {} WHERE {}", name_, key_is_)));
  find->BindAll(key);
  HL_ASSIGN(const bool found, find->Step());
  if (!found) return std::optional<Row>();
  HL_ASSIGN(Row image, DecodeShadow(find->Column(0).bytes, tracked_->table));
  return std::optional<Row>(std::move(image));
}

Result<std::vector<Row>> ShadowTable::Keys(const std::string& sql, Key key) {
  HL_ASSIGN(auto list, db_->PrepareCached(sql));
  list->BindAll(key);
  return list->AllRows();
}

Result<std::vector<Row>> ShadowTable::Pending() {
  return Keys(
      fmt::format("SELECT {} FROM {} WHERE b1 IS NULL", ForKey(tracked_->table, "k{}"), name_), {});
}

Result<std::vector<Row>> ShadowTable::BlockedBy(Key key) {
  return Keys(
      fmt::format("SELECT {} FROM {} WHERE {}", ForKey(tracked_->table, "k{}"), name_, blocker_is_),
      key);
}

Result<int64_t> ShadowTable::MarkAllPending() {
  HL_TRY(db_->Exec(
      fmt::format("UPDATE {} SET {}, wants = NULL", name_, ForKey(tracked_->table, "b{} = NULL"))));
  return db_->QueryInt("SELECT count(*) FROM " + name_);
}

Result<bool> ShadowTable::AnyOrphans() {
  HL_ASSIGN(auto any, db_->PrepareCached(
                          fmt::format("SELECT 1 FROM {} WHERE wants IS NOT NULL LIMIT 1", name_)));
  HL_ASSIGN(const bool row, any->Step());
  return row;
}

Result<bool> ShadowTable::IsOrphan(Key key) {
  HL_ASSIGN(auto find, db_->PrepareCached(fmt::format(
                           "SELECT 1 FROM {} WHERE {} AND wants IS NOT NULL", name_, key_is_)));
  find->BindAll(key);
  HL_ASSIGN(const bool row, find->Step());
  return row;
}

Result<std::vector<Row>> ShadowTable::Wanting(std::string_view wants) {
  const ValueView bytes = ValueView::Blob(wants);
  return Keys(
      fmt::format("SELECT {} FROM {} WHERE wants = ?1", ForKey(tracked_->table, "k{}"), name_),
      {&bytes, 1});
}

Status ShadowTable::Wake(Key key) {
  for (const std::string& which : {key_is_, blocker_is_}) {
    HL_ASSIGN(auto wake,
              db_->PrepareCached(fmt::format("UPDATE {} SET {}, wants = NULL WHERE {}", name_,
                                             ForKey(tracked_->table, "b{} = NULL"), which)));
    wake->BindAll(key);
    HL_TRY(wake->Run());
  }
  return Ok();
}

Result<bool> HasShadows(Connection* db, const TrackedTable& tracked) {
  if (!tracked.has_shadow_table) return false;
  return ShadowTable(db, tracked).Any();
}

Result<Row> DecodeShadow(std::string_view bytes, const schema::Table& table) {
  HL_ASSIGN(NamedImage image, change::DecodeImage(bytes));
  if (image.columns != table.columns)
    return MakeError(ErrorCode::kRetryLater, "shadowed rows of table {} have its former columns",
                     table.name);
  return std::move(image.values);
}

Result<bool> ShadowsInLine(Connection* db, TrackedTable* tracked) {
  const bool needed = !tracked->table.unique_indexes.empty() || tracked->hides_orphans;
  HL_ASSIGN(tracked->has_shadow_table, Exists(db, tracked->id));
  if (needed != tracked->has_shadow_table || !needed) return needed == tracked->has_shadow_table;
  HL_ASSIGN(const bool wants, HasWants(db, tracked->id));
  if (!wants) return false;
  HL_ASSIGN(const bool any, HasShadows(db, *tracked));
  return !any;
}

Status SyncShadows(Connection* db, TrackedTable* tracked) {
  const bool needed = !tracked->table.unique_indexes.empty() || tracked->hides_orphans;
  HL_ASSIGN(tracked->has_shadow_table, Exists(db, tracked->id));
  if (!tracked->has_shadow_table) {
    if (needed) HL_TRY(Create(db, *tracked));
    tracked->has_shadow_table = needed;
    return Ok();
  }
  HL_TRY(AddWants(db, tracked->id));
  ShadowTable shadows(db, *tracked);
  HL_ASSIGN(const int64_t rows, shadows.MarkAllPending());
  if (rows > 0 || needed) return Ok();
  tracked->has_shadow_table = false;
  return db->Exec("DROP TABLE " + Quote(ShadowTableName(tracked->id)));
}

Status ReshapeShadows(Connection* db, const TrackedTable& tracked, const ObjectRow& before,
                      const ObjectRow& now) {
  const schema::Table& table = tracked.table;
  ShadowTable shadows(db, tracked);
  HL_ASSIGN(const std::vector<Row> keys, shadows.Pending());
  if (keys.empty()) return Ok();
  std::vector<std::string> sources;
  for (const std::string& column : table.columns) sources.push_back(Source(column, before, now));
  // What kept rows have in the columns that their images lack, by position.
  std::map<size_t, change::Value> initial;
  HL_ASSIGN(Statement find,
            db->Prepare(fmt::format("SELECT image FROM {} WHERE {}",
                                    Quote(ShadowTableName(tracked.id)), HiddenKeyIs(table))));
  for (const Row& key : keys) {
    find.BindAll(key);
    HL_ASSIGN(const bool found, find.Step());
    if (!found) return Contradiction("a shadowed row has no image");
    HL_ASSIGN(const NamedImage kept, change::DecodeImage(find.Column(0).bytes));
    find.Reset();
    std::vector<ValueView> image;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const auto at = std::ranges::find_if(kept.columns, [&](const std::string& name) {
        return sqlite::SameName(name, sources[i]);
      });
      if (at == kept.columns.end() && !initial.contains(i)) {
        HL_ASSIGN(initial[i], InitialOf(db, table, table.columns[i], now));
      }
      image.push_back(at == kept.columns.end() ? initial[i].view()
                                               : kept.values[at - kept.columns.begin()].view());
    }
    HL_TRY(shadows.Put(Views(key), image, std::nullopt));
  }
  return Ok();
}

}  // namespace harmonylite::ledger
