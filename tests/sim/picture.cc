#include "sim/picture.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>

#include "change/image_codec.h"
#include "sim/places.h"
#include "sqlite/sqlite_test_util.h"
#include "sqlite/transaction.h"

namespace harmonylite::sim {

using change::ValueView;
using sqlite::Connection;
using sqlite::Statement;

namespace {

using Origins = std::map<int64_t, Origin>;

struct Names {
  Origins origins;
  std::map<int64_t, const AppTable*> tables;  // by the number that the file gives the table
};

Origin MakeOrigin(int64_t node, int64_t incarnation) {
  return {NodeId(static_cast<uint64_t>(node)), Incarnation(static_cast<uint32_t>(incarnation))};
}

Status ReadNames(Connection* db, Names* out) {
  HL_ASSIGN(auto nodes, db->PrepareCached("SELECT n, node, incarnation FROM __harmonylite__nodes"));
  while (true) {
    HL_ASSIGN(const bool row, nodes->Step());
    if (!row) break;
    out->origins[nodes->Int(0)] = MakeOrigin(nodes->Int(1), nodes->Int(2));
  }
  HL_ASSIGN(auto tables, db->PrepareCached("SELECT id, name FROM __harmonylite__tables"));
  while (true) {
    HL_ASSIGN(const bool row, tables->Step());
    if (!row) return Ok();
    for (const AppTable& table : AppTables())
      if (tables->Text(1) == table.name) out->tables[tables->Int(0)] = &table;
  }
}

Status ReadState(Connection* db, const Origins& origins, Picture* out) {
  HL_ASSIGN(auto state, db->PrepareCached("SELECT key, value FROM __harmonylite__state"));
  while (true) {
    HL_ASSIGN(const bool row, state->Step());
    if (!row) return Ok();
    const std::string_view key = state->Text(0);
    if (key == "self") out->self = origins.at(state->Int(1));
    if (key == "published_to") out->published_to = state->Int(1);
    if (key == "folded_to") out->folded_to = state->Int(1);
    if (key == "incarnation_base") out->incarnation_base = state->Int(1);
  }
}

Result<change::Retirements> ReadRetirements(Connection* db, const Origins& origins) {
  change::Retirements out;
  HL_ASSIGN(auto list, db->PrepareCached("SELECT n, last, by_n, at FROM __harmonylite__retired"));
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    out.Add({origins.at(list->Int(0)), Lseq(list->Int(1)), origins.at(list->Int(2)),
             Lseq(list->Int(3))});
  }
}

// Names retired origins again, which the file has left out of its vectors.
Status NameRetired(Connection* db, const Origins& origins, Picture* out) {
  HL_ASSIGN(const change::Retirements known, ReadRetirements(db, origins));
  const change::ProgressVector whole =
      change::Knowledge(out->vector, known, out->self, out->vector.Get(out->self)).Expanded();
  for (const auto& [origin, lseq] : whole.map())
    if (out->vector.Get(origin) < lseq) out->retired.insert(origin);
  out->progress = change::Knowledge(out->progress, known, out->self, Lseq(INT64_MAX)).Expanded();
  out->collected = change::Knowledge(out->collected, known).Expanded();
  out->vector = whole;
  return Ok();
}

Status ReadProgress(Connection* db, const Origins& origins, Picture* out) {
  HL_ASSIGN(auto collected, db->PrepareCached("SELECT n, lseq FROM __harmonylite__collected"));
  while (true) {
    HL_ASSIGN(const bool row, collected->Step());
    if (!row) break;
    out->collected.Advance(origins.at(collected->Int(0)), Lseq(collected->Int(1)));
  }
  HL_ASSIGN(auto progress, db->PrepareCached("SELECT n, lseq FROM __harmonylite__progress"));
  while (true) {
    HL_ASSIGN(const bool row, progress->Step());
    if (!row) break;
    out->progress.Advance(origins.at(progress->Int(0)), Lseq(progress->Int(1)));
  }
  HL_ASSIGN(auto ends, db->PrepareCached(
                           "SELECT (SELECT max(id) FROM __harmonylite__journal), (SELECT id FROM "
                           "__harmonylite__journal WHERE op <> 0 ORDER BY id DESC LIMIT 1)"));
  HL_ASSIGN(const bool row, ends->Step());
  HL_CHECK(row);
  out->newest_entry = ends->Int(0);
  out->last_change = std::max(ends->Int(1), out->published_to);
  // A vector may name an origin that has written nothing, or not. Leaving such origins out makes
  // vectors with the same changes equal.
  for (const auto& [origin, lseq] : out->progress.map())
    if (lseq.value > 0) out->vector.Advance(origin, lseq);
  if (out->last_change > out->incarnation_base)
    out->vector.Advance(out->self, Lseq(out->last_change));
  return NameRetired(db, origins, out);
}

// Reads the rows of a table without a key. A row without an identity has a key that no row has.
Status ReadRowsByPlace(Connection* db, const AppTable& table, const Places& places, Picture* out) {
  ByKey<Image>& rows = out->rows[table.name];
  HL_ASSIGN(auto list, db->PrepareCached(fmt::format("SELECT *, _rowid_ FROM {}", table.name)));
  return list->ForEachRow([&](const Statement& row) {
    Image image = ReadImage(row);
    const int64_t rowid = row.Int(row.columns() - 1);
    image.erase(sqlite3_column_name(row.raw(), row.columns() - 1));
    const auto place = places.identities.find(rowid);
    if (place == places.identities.end())
      rows[fmt::format("rowid {}", rowid)] = std::move(image);
    else
      rows[sqlite::Render(place->second)] = std::move(image);
  });
}

Status ReadRows(Connection* db, const AppTable& table, Picture* out) {
  ByKey<Image>& rows = out->rows[table.name];
  HL_ASSIGN(auto list, db->PrepareCached(fmt::format("SELECT * FROM {}", table.name)));
  std::vector<ValueView> key;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return Ok();
    key.clear();
    for (const std::string& name : table.key)
      for (int i = 0; i < list->columns(); ++i)
        if (name == sqlite3_column_name(list->raw(), i)) key.push_back(list->Column(i));
    rows[KeyText(table, key)] = ReadImage(*list);
  }
}

std::vector<ValueView> ReadKey(const Statement& row, int first, const AppTable& table) {
  std::vector<ValueView> key;
  for (size_t i = 0; i < table.key.size(); ++i) key.push_back(row.Column(first++));
  return key;
}

Status ReadVersions(Connection* db, const Names& names, int64_t id, const AppTable& table,
                    Picture* out) {
  ByKey<RowVersion>& versions = out->versions[table.name];
  HL_ASSIGN(auto list,
            db->PrepareCached(fmt::format("SELECT hlc, n, lseq, gone, {} FROM __harmonylite__v{}",
                                          HiddenKey(table), id)));
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return Ok();
    versions[KeyText(table, ReadKey(*list, 4, table))] = {
        list->Int(0), names.origins.at(list->Int(1)), list->Int(2), list->Int(3) != 0};
  }
}

Result<std::set<std::string>> TableNames(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name FROM sqlite_schema WHERE type = 'table'"));
  std::set<std::string> out;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    out.emplace(list->Text(0));
  }
}

// A touched row is one in a table with references that waits to be judged, where orphans are
// hidden.
Status ReadTouched(Connection* db, Picture* out) {
  HL_ASSIGN(auto there,
            db->PrepareCached("SELECT 1 FROM sqlite_schema WHERE name = '__harmonylite__touched'"));
  HL_ASSIGN(const bool known, there->Step());
  if (!known) return Ok();
  HL_ASSIGN(auto touched, db->PrepareCached("SELECT 1 FROM __harmonylite__touched LIMIT 1"));
  HL_ASSIGN(const bool any, touched->Step());
  if (any) out->settled = false;
  return Ok();
}

Status ReadShadowed(Connection* db, int64_t id, const AppTable& table, Picture* out) {
  HL_ASSIGN(auto list,
            db->PrepareCached(fmt::format("SELECT b1 IS NULL, image, {} FROM __harmonylite__s{}",
                                          HiddenKey(table), id)));
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return Ok();
    const std::string key = KeyText(table, ReadKey(*list, 2, table));
    out->shadowed[table.name][key];
    HL_ASSIGN(const change::NamedImage kept, change::DecodeImage(list->Column(1).bytes));
    Image& image = out->kept[table.name][key];
    for (size_t i = 0; i < kept.columns.size(); ++i)
      image[kept.columns[i]] = sqlite::Render(kept.values[i].view());
    if (list->Int(0) != 0) out->settled = false;
  }
}

// Lays the journal entries that are not folded yet over the stored versions, as folding will do: a
// change takes the row's version, and what was kept of a shadowed row is out of date. An entry with
// op 2 says that a row may have been displaced by another one. It counts only if the row is gone.
Status ReadUnfolded(Connection* db, const Names& names, const Places& links, Picture* out) {
  HL_ASSIGN(auto journal, db->PrepareCached("SELECT * FROM __harmonylite__journal WHERE id > ?1 "
                                            "AND op <> 0 ORDER BY id"));
  journal->Bind(1, out->folded_to);
  while (true) {
    HL_ASSIGN(const bool row, journal->Step());
    if (!row) return Ok();
    const auto it = names.tables.find(journal->Int(1));
    if (it == names.tables.end()) continue;
    const AppTable& table = *it->second;
    const auto named = links.named.find(journal->Int(0));
    const bool names_place = table.identity && named != links.named.end();
    const std::string key =
        names_place ? sqlite::Render(named->second) : KeyText(table, ReadKey(*journal, 4, table));
    out->settled = false;
    const bool present = out->rows[table.name].contains(key);
    if (journal->Int(2) == 2 && present) continue;
    out->shadowed[table.name].erase(key);
    out->versions[table.name][key] = {journal->Int(3), out->self, journal->Int(0), !present};
  }
}

}  // namespace

std::string KeyText(const AppTable& table, std::span<const ValueView> key) {
  std::string out;
  for (const ValueView& value : key) out += (out.empty() ? "" : ",") + sqlite::Render(value);
  if (table.nocase)
    for (char& c : out)
      if ('A' <= c && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string KeyIs(const AppTable& table) {
  std::string out;
  for (size_t i = 0; i < table.key.size(); ++i)
    out += fmt::format("{}{} = ?{}", i == 0 ? "" : " AND ", table.key[i], i + 1);
  return out;
}

std::string HiddenKeyIs(const AppTable& table) {
  std::string out = "k1 = ?1";
  for (size_t i = 2; i <= table.key.size(); ++i) out += fmt::format(" AND k{0} = ?{0}", i);
  return out;
}

std::string HiddenKey(const AppTable& table) {
  std::string out = "k1";
  for (size_t i = 2; i <= table.key.size(); ++i) out += fmt::format(", k{}", i);
  return out;
}

Image ReadImage(const Statement& row) {
  Image image;
  for (int i = 0; i < row.columns(); ++i)
    image[sqlite3_column_name(row.raw(), i)] = sqlite::Render(row.Column(i));
  return image;
}

void MigrateImage(const std::string& table, int64_t level, Image* image) {
  if (table == "kv" && level >= kLevelOfX) image->try_emplace("x", "7");
  if (table == "kv" && level >= kLevelWithoutW) image->erase("w");
  if (table == "parent" && level > kLevelOfX)
    if (auto renamed = image->extract("v"); !renamed.empty()) {
      renamed.key() = "note";
      image->insert(std::move(renamed));
    }
}

Result<Picture> TakePicture(Connection* db) {
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kRead));
  Picture out;
  HL_ASSIGN(auto level, db->PrepareCached(kMigrationLevel));
  HL_ASSIGN(const bool has_level, level->Step());
  out.level = has_level ? level->Int(0) : 0;
  Names names;
  HL_TRY(ReadNames(db, &names));
  HL_TRY(ReadState(db, names.origins, &out));
  HL_TRY(ReadProgress(db, names.origins, &out));
  HL_ASSIGN(const std::set<std::string> tables, TableNames(db));
  Places links;
  for (const auto& [id, table] : names.tables)
    if (table->identity) {
      HL_ASSIGN(links, ReadPlaces(db, id));
    }
  for (const AppTable& table : AppTables()) {
    out.versions[table.name];
    out.shadowed[table.name];
    out.kept[table.name];
    out.rows[table.name];
    if (!tables.contains(table.name)) continue;
    HL_TRY(table.identity ? ReadRowsByPlace(db, table, links, &out) : ReadRows(db, table, &out));
  }
  for (const auto& [id, table] : names.tables) {
    HL_TRY(ReadVersions(db, names, id, *table, &out));
    if (tables.contains(fmt::format("__harmonylite__s{}", id)))
      HL_TRY(ReadShadowed(db, id, *table, &out));
  }
  HL_TRY(ReadTouched(db, &out));
  HL_TRY(ReadUnfolded(db, names, links, &out));
  return out;
}

Status ReadLosers(Connection* db, Losers* out) {
  HL_ASSIGN(auto list,
            db->PrepareCached(
                "SELECT (SELECT name FROM __harmonylite__tables t WHERE t.id = tbl), loser_hlc, "
                "(SELECT node FROM __harmonylite__nodes o WHERE o.n = loser_n) FROM "
                "__harmonylite__conflicts"));
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return Ok();
    out->emplace(list->Text(0), list->Int(1), static_cast<uint64_t>(list->Int(2)));
  }
}

}  // namespace harmonylite::sim
