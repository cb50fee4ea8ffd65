#include "ledger/id_share.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ledger/hidden_tables.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

namespace {

using sqlite::Connection;

Result<std::map<std::string, int64_t>> ReadSequences(Connection* db) {
  std::map<std::string, int64_t> out;
  HL_ASSIGN(auto list,
            db->PrepareCached("SELECT name, max(seq) FROM sqlite_sequence GROUP BY name"));
  HL_TRY(list->ForEachRow(
      [&](const sqlite::Statement& row) { out[std::string(row.Text(0))] = row.Int(1); }));
  return out;
}

// Returns the greatest id in the table or, if it is attached, among its versions: those of
// shadowed, hidden and deleted rows are in no table, and count as well.
Result<int64_t> GreatestId(Connection* db, const TrackedTable& tracked) {
  const std::string versions =
      tracked.id == 0
          ? "0"
          : fmt::format("(SELECT max(k1) FROM {})", sqlite::Quote(VersionTableName(tracked.id)));
  HL_ASSIGN(auto find, db->PrepareCached(
                           fmt::format("SELECT max(coalesce(max({}), 0), coalesce({}, 0)) FROM {}",
                                       sqlite::Quote(tracked.table.key.at(0).name), versions,
                                       sqlite::Quote(tracked.table.name))));
  HL_ASSIGN(const bool row, find->Step());
  return row ? find->Int(0) : 0;
}

// SQLite makes a table's row in sqlite_sequence at its first insert.
Status SetCounter(Connection* db, const std::string& table, int64_t value) {
  {
    HL_ASSIGN(auto set, db->PrepareCached("UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1"));
    set->Bind(1, table);
    set->Bind(2, value);
    HL_TRY(set->Run());
  }
  if (db->changes() > 0) return Ok();
  HL_ASSIGN(auto add, db->PrepareCached("INSERT INTO sqlite_sequence(name, seq) VALUES(?1, ?2)"));
  add->Bind(1, table);
  add->Bind(2, value);
  return add->Run();
}

Result<std::optional<MovedIds>> Move(Connection* db, const IdCounter& counter,
                                     const IdShare& share) {
  if (!IsLow(share, counter.newest)) return std::optional<MovedIds>();
  const auto next = NextBlock(share, counter.newest);
  if (!next) return std::optional<MovedIds>();
  const std::string& table = counter.table->table.name;
  HL_TRY(SetCounter(db, table, *next - 1));
  const bool own = counter.newest / share.layout.block % share.layout.slots == share.slot;
  return std::optional(MovedIds{table, counter.newest, *next, !own});
}

}  // namespace

Result<std::vector<IdCounter>> ReadIdCounters(Connection* db, const Catalog& catalog) {
  std::vector<IdCounter> out;
  for (const TrackedTable& tracked : catalog.tables)
    if (tracked.table.autoincrement) out.push_back({&tracked, 0});
  if (out.empty()) return out;  // sqlite_sequence may not exist
  HL_ASSIGN(const auto sequences, ReadSequences(db));
  for (IdCounter& counter : out) {
    HL_ASSIGN(counter.newest, GreatestId(db, *counter.table));
    const auto sequence = sequences.find(counter.table->table.name);
    if (sequence != sequences.end()) counter.newest = std::max(counter.newest, sequence->second);
    counter.newest = std::max<int64_t>(counter.newest, 0);
  }
  return out;
}

Result<std::vector<MovedIds>> MoveLowIds(Connection* db, const Catalog& catalog,
                                         const IdShare& share) {
  HL_ASSIGN(const std::vector<IdCounter> counters, ReadIdCounters(db, catalog));
  std::vector<MovedIds> out;
  for (const IdCounter& counter : counters) {
    HL_ASSIGN(std::optional<MovedIds> moved, Move(db, counter, share));
    if (moved) out.push_back(std::move(*moved));
  }
  return out;
}

Result<std::optional<MovedIds>> MoveIfLow(Connection* db, const TrackedTable& tracked, int64_t used,
                                          const IdShare& share) {
  IdCounter counter{&tracked, std::max<int64_t>(used, 0)};
  {
    HL_ASSIGN(auto find, db->PrepareCached("SELECT max(seq) FROM sqlite_sequence WHERE name = ?1"));
    find->Bind(1, tracked.table.name);
    HL_ASSIGN(const bool row, find->Step());
    if (row) counter.newest = std::max(counter.newest, find->Int(0));
  }
  HL_ASSIGN(const int64_t greatest, GreatestId(db, tracked));
  counter.newest = std::max(counter.newest, greatest);
  return Move(db, counter, share);
}

}  // namespace harmonylite::ledger
