#include "ledger/conflict_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "change/row_hash.h"
#include "ledger/clock_sql.h"
#include "ledger/key_sql.h"
#include "ledger/null_keys.h"
#include "ledger/orphan_list.h"
#include "ledger/row_query.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

namespace {

using change::NamedImage;
using change::Row;
using change::ValueView;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

std::vector<std::string> KeyNames(const schema::Table& table) {
  std::vector<std::string> out;
  for (const schema::KeyColumn& column : table.key) out.push_back(column.name);
  return out;
}

void BindImage(Statement* statement, int index, const std::string& bytes, bool present) {
  statement->Bind(index, present ? ValueView::Blob(bytes) : ValueView::Null());
}

Result<std::optional<NamedImage>> ReadImage(const Statement& statement, int column) {
  if (statement.IsNull(column)) return std::optional<NamedImage>();
  HL_ASSIGN(NamedImage image, change::DecodeImage(statement.Column(column).bytes));
  return std::optional<NamedImage>(std::move(image));
}

Result<ListedSide> ReadSide(const Statement& statement, int column, const OriginTable& origins) {
  ListedSide out;
  out.stamp = Hlc(statement.Int(column));
  if (!statement.IsNull(column + 1)) {
    HL_ASSIGN(out.origin, origins.At(OriginIndex(statement.Int(column + 1))));
  }
  return out;
}

// Lists all of them, or those of one kind.
Status ListKept(Connection* db, const OriginTable& origins, std::optional<std::string_view> kind,
                std::vector<ListedConflict>* out) {
  HL_ASSIGN(
      Statement list,
      db->Prepare("SELECT c.id, coalesce(t.name, '?'), kind, at_ms, c.key, loser_hlc, loser_n, "
                  "loser, winner_hlc, winner_n, winner FROM __harmonylite__conflicts c "
                  "LEFT JOIN __harmonylite__tables t ON t.id = c.tbl "
                  "WHERE ?1 IS NULL OR kind = ?1 ORDER BY c.id DESC"));
  list.Bind(1, kind ? ValueView::Text(*kind) : ValueView::Null());
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) return Ok();
    ListedConflict one;
    one.id = fmt::format("{}", list.Int(0));
    one.table = list.Text(1);
    one.kind = list.Text(2);
    one.at_ms = list.Int(3);
    HL_ASSIGN(one.key, change::DecodeImage(list.Column(4).bytes));
    HL_ASSIGN(one.loser, ReadSide(list, 5, origins));
    HL_ASSIGN(one.loser.image, ReadImage(list, 7));
    HL_ASSIGN(one.winner, ReadSide(list, 8, origins));
    HL_ASSIGN(one.winner.image, ReadImage(list, 10));
    out->push_back(std::move(one));
  }
}

// Lists the rows in a table's shadow table. A shadowed row is the loser, with its own version and
// image, and its blocker is the winner. The reader `blocker` takes its key from the shadow table
// and its image from the blocker's row. An orphan has no winner.
Status ListShadowed(Connection* db, const Catalog& catalog, const TrackedTable& tracked,
                    const OriginTable& origins, std::vector<ListedConflict>* out) {
  const schema::Table& table = tracked.table;
  const std::string versions = Quote(VersionTableName(tracked.id));
  HL_ASSIGN(Statement list,
            db->Prepare(fmt::format(
                "SELECT s.image, coalesce(v.hlc, 0), v.n, coalesce(b.hlc, 0), b.n, "
                "s.wants IS NOT NULL{}{} FROM {} s "
                "LEFT JOIN {} v ON {} LEFT JOIN {} b ON {} LEFT JOIN {} t ON {}",
                KeyColumns("s", table), ImageColumns("t", table),
                Quote(ShadowTableName(tracked.id)), versions, HiddenKeysEqual("v", "s", table),
                versions, HiddenKeysEqual("b", "s", table, HiddenKey::kBlocker), Quote(table.name),
                KeyMatches("t", "s", table, HiddenKey::kBlocker))));
  RowReader blocker(db, table, /*first_column=*/6);
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) return Ok();
    HL_TRY(blocker.Read(list));
    ListedConflict one;
    one.id = ListedId('s', tracked, blocker.key());
    one.table = table.name;
    one.kind = conflict_kind::kShadowed;
    one.key = {KeyNames(table), Row(blocker.key().begin(), blocker.key().end())};
    HL_ASSIGN(one.loser, ReadSide(list, 1, origins));
    HL_ASSIGN(one.loser.image, ReadImage(list, 0));
    one.at_ms = HlcMillis(one.loser.stamp);
    if (list.Int(5) != 0) {
      HL_TRY(DescribeOrphan(db, catalog, tracked, /*hidden=*/true, &one));
      out->push_back(std::move(one));
      continue;
    }
    HL_ASSIGN(one.winner, ReadSide(list, 3, origins));
    if (blocker.present())
      one.winner.image =
          NamedImage{table.columns, Row(blocker.image().begin(), blocker.image().end())};
    out->push_back(std::move(one));
  }
}

}  // namespace

Result<int64_t> AddConflict(Connection* db, const TrackedTable& table, std::string_view kind,
                            std::span<const ValueView> key, const ConflictSide& loser,
                            const ConflictSide& winner) {
  HL_ASSIGN(auto add, db->PrepareCached(fmt::format(
                          "INSERT INTO __harmonylite__conflicts(tbl, kind, at_ms, key, loser_hlc, "
                          "loser_n, loser, winner_hlc, winner_n, winner) "
                          "VALUES(?1, ?2, CAST({} AS INTEGER), ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                          kNowMs)));
  const std::vector<std::string>& columns = table.table.columns;
  const auto encode = [&](const ConflictSide& side) {
    return side.image.empty() ? std::string() : change::EncodeImage(columns, side.image);
  };
  const std::string key_bytes = change::EncodeImage(KeyNames(table.table), key);
  const std::string loser_bytes = encode(loser);
  const std::string winner_bytes = encode(winner);
  add->Bind(1, table.id);
  add->Bind(2, kind);
  add->Bind(3, ValueView::Blob(key_bytes));
  add->Bind(4, loser.stamp.value);
  add->Bind(5, loser.origin.value);
  BindImage(&*add, 6, loser_bytes, !loser.image.empty());
  add->Bind(7, winner.stamp.value);
  add->Bind(8, winner.origin.value);
  BindImage(&*add, 9, winner_bytes, !winner.image.empty());
  HL_TRY(add->Run());
  return db->last_insert_rowid();
}

Status RemoveConflict(Connection* db, int64_t id) {
  HL_ASSIGN(auto remove, db->PrepareCached("DELETE FROM __harmonylite__conflicts WHERE id = ?1"));
  remove->Bind(1, id);
  return remove->Run();
}

// Ids grow with time, except where the clock was set back. The statement deletes what comes before
// the first conflict that is young enough, so an old conflict after that one goes a little later.
Status TrimConflicts(Connection* db, int64_t max_rows, int64_t max_age_ms) {
  HL_ASSIGN(auto trim,
            db->PrepareCached(fmt::format(
                "DELETE FROM __harmonylite__conflicts WHERE id < max("
                "(SELECT coalesce(max(id), 0) - ?1 + 1 FROM __harmonylite__conflicts), "
                "coalesce((SELECT id FROM __harmonylite__conflicts WHERE "
                "at_ms >= CAST({} AS INTEGER) - ?2 "
                "ORDER BY id LIMIT 1), (SELECT max(id) + 1 FROM __harmonylite__conflicts), 0))",
                kNowMs)));
  trim->Bind(1, max_rows);
  trim->Bind(2, max_age_ms);
  return trim->Run();
}

Result<std::vector<ListedConflict>> ListConflicts(Connection* db, const Catalog& catalog) {
  HL_ASSIGN(const OriginTable origins, OriginTable::Load(db));
  std::vector<ListedConflict> out;
  HL_TRY(ListKept(db, origins, std::nullopt, &out));
  for (const TrackedTable& tracked : catalog.tables)
    if (tracked.has_shadow_table) HL_TRY(ListShadowed(db, catalog, tracked, origins, &out));
  HL_TRY(ListVisibleOrphans(db, catalog, origins, &out));
  HL_TRY(ListNullKeys(db, catalog, &out));
  return out;
}

Result<std::vector<ListedConflict>> ListSetAside(Connection* db, std::string_view table) {
  HL_ASSIGN(const OriginTable origins, OriginTable::Load(db));
  std::vector<ListedConflict> out;
  HL_TRY(ListKept(db, origins, conflict_kind::kDropped, &out));
  std::erase_if(out, [&](const ListedConflict& one) {
    return !sqlite::SameName(one.table, table) || !one.loser.image;
  });
  std::ranges::stable_sort(out, std::greater<>(),
                           [](const ListedConflict& one) { return one.loser.stamp.value; });
  return out;
}

Result<std::map<std::string, int64_t>> CountSetAside(Connection* db) {
  HL_ASSIGN(Statement count,
            db->Prepare("SELECT coalesce(t.name, '?'), count(*) FROM __harmonylite__conflicts c "
                        "LEFT JOIN __harmonylite__tables t ON t.id = c.tbl WHERE kind = ?1 AND "
                        "loser IS NOT NULL GROUP BY 1"));
  count.Bind(1, conflict_kind::kDropped);
  std::map<std::string, int64_t> out;
  HL_TRY(
      count.ForEachRow([&](const Statement& row) { out[std::string(row.Text(0))] = row.Int(1); }));
  return out;
}

Result<int64_t> ClearConflicts(Connection* db) {
  HL_TRY(db->Exec("DELETE FROM __harmonylite__conflicts"));
  return db->changes();
}

}  // namespace harmonylite::ledger
