#include "sim/places.h"

#include <fmt/format.h>

#include <utility>

namespace harmonylite::sim {

using change::Value;

namespace {

// VACUUM numbers rows from 1 on, in the order of their rowids.
void Renumber(Places* places) {
  std::map<int64_t, Value> now;
  int64_t next = 1;
  for (auto& [rowid, identity] : places->identities) now.emplace(next++, std::move(identity));
  places->identities = std::move(now);
}

// Does what one journal entry says that happened.
void Follow(int64_t lseq, int64_t op, int64_t rowid, const Value& drawn, Places* places) {
  constexpr int64_t kWritten = 3;
  constexpr int64_t kRenumbered = 5;
  if (op == kRenumbered) return Renumber(places);
  const auto at = places->identities.find(rowid);
  const Value identity = at == places->identities.end() ? drawn : at->second;
  places->named[lseq] = identity;
  if (op == kWritten)
    places->identities[rowid] = identity;
  else
    places->identities.erase(rowid);
}

// True if the rows have been numbered anew by VACUUM, or because the application has recreated the
// table, and no journal entry says so.
Result<bool> Unnoted(sqlite::Connection* db, int64_t table_id) {
  HL_ASSIGN(auto find, db->PrepareCached(
                           "SELECT EXISTS(SELECT 1 FROM __harmonylite__rowids WHERE _rowid_ = 1) "
                           "AND NOT EXISTS(SELECT 1 FROM __harmonylite__rowids WHERE _rowid_ = "
                           "3) OR NOT EXISTS(SELECT 1 FROM sqlite_schema WHERE type = 'trigger' "
                           "AND name = ?1)"));
  const std::string trigger = fmt::format("__harmonylite__{}_insert", table_id);
  find->Bind(1, trigger);
  HL_ASSIGN(const bool row, find->Step());
  return row && find->Int(0) != 0;
}

}  // namespace

int64_t Places::RowidOf(const change::ValueView& identity) const {
  for (const auto& [rowid, other] : identities)
    if (change::Identical(identity, other)) return rowid;
  return 0;
}

Result<Places> ReadPlaces(sqlite::Connection* db, int64_t table_id) {
  Places out;
  HL_ASSIGN(auto map,
            db->PrepareCached(fmt::format("SELECT local, k1 FROM __harmonylite__m{}", table_id)));
  HL_TRY(map->ForEachRow([&](const sqlite::Statement& row) {
    out.identities.emplace(row.Int(0), Value(row.Column(1)));
  }));
  HL_ASSIGN(auto entries,
            db->PrepareCached("SELECT id, op, CAST(k1 AS INTEGER), CAST(substr(k1, instr(k1, ':') "
                              "+ 1) AS BLOB) FROM __harmonylite__journal WHERE op = 5 OR (tbl = ?1 "
                              "AND op IN (3, 4)) ORDER BY id"));
  entries->Bind(1, table_id);
  HL_TRY(entries->ForEachRow([&](const sqlite::Statement& row) {
    Follow(row.Int(0), row.Int(1), row.Int(2), Value(row.Column(3)), &out);
  }));
  HL_ASSIGN(const bool unnoted, Unnoted(db, table_id));
  if (unnoted) Renumber(&out);
  return out;
}

}  // namespace harmonylite::sim
