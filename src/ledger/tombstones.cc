#include "ledger/tombstones.h"

#include <fmt/format.h>

#include <vector>

#include "base/mutant.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

namespace {

using change::ProgressVector;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Returns "v INDEXED BY v_gone WHERE gone = 1". Naming the index makes sure that no plan walks the
// whole version table.
std::string Tombstones(int64_t table_id) {
  return fmt::format("{} INDEXED BY {} WHERE gone = 1", Quote(VersionTableName(table_id)),
                     Quote(TombstoneIndexName(table_id)));
}

constexpr std::string_view kCollected = "__harmonylite__collected";

// The oldest tombstones of one origin in one table.
struct Chunk {
  Lseq end;    // lseq of the last one; 0 if there are none
  Hlc newest;  // greatest stamp among them
};

// Returns the oldest tombstones of an origin up to `to`, at most `limit` of them.
Result<Chunk> OldestChunk(Connection* db, int64_t table_id, OriginIndex origin, Lseq to,
                          int64_t limit) {
  HL_ASSIGN(
      auto end,
      db->PrepareCached(fmt::format(
          "SELECT max(lseq), max(hlc) FROM (SELECT lseq, hlc FROM {} AND n = ?1 AND lseq <= ?2 "
          "ORDER BY lseq LIMIT ?3)",
          Tombstones(table_id))));
  end->Bind(1, origin.value);
  end->Bind(2, to.value);
  end->Bind(3, limit);
  HL_ASSIGN(const bool row, end->Step());
  HL_CHECK(row);
  if (end->IsNull(0)) return Chunk{};
  return Chunk{Lseq(end->Int(0)), Hlc(end->Int(1))};
}

}  // namespace

Result<ProgressVector> LoadCollected(Connection* db, const OriginTable& origins) {
  HL_ASSIGN(const bool there, HasHiddenTable(db, kCollected));
  if (!there) return ProgressVector();
  HL_ASSIGN(auto list, db->PrepareCached("SELECT n, lseq FROM __harmonylite__collected"));
  ProgressVector out;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    HL_ASSIGN(const Origin origin, origins.At(OriginIndex(list->Int(0))));
    if (list->Int(1) > 0) out.Advance(origin, Lseq(list->Int(1)));
  }
}

Status SaveCollected(Connection* db, OriginIndex origin, Lseq to, Hlc newest) {
  HL_ASSIGN(auto put, db->PrepareCached(
                          "INSERT INTO __harmonylite__collected(n, lseq, hlc) VALUES(?1, ?2, ?3) "
                          "ON CONFLICT(n) DO UPDATE SET lseq = max(lseq, excluded.lseq), "
                          "hlc = max(hlc, excluded.hlc)"));
  put->Bind(1, origin.value);
  put->Bind(2, to.value);
  put->Bind(3, newest.value);
  return put->Run();
}

Result<Hlc> NewestForgotten(Connection* db) {
  HL_ASSIGN(const bool there, HasHiddenTable(db, kCollected));
  if (!there) return Hlc(0);
  HL_ASSIGN(const int64_t newest,
            db->QueryInt("SELECT coalesce(max(hlc), 0) FROM __harmonylite__collected"));
  return Hlc(newest);
}

Result<int64_t> CollectTombstones(Connection* db, const Catalog& catalog,
                                  const OriginTable& origins, const ProgressVector& stable,
                                  int64_t limit, ProgressVector* collected) {
  int64_t gone = 0;
  for (const TrackedTable& tracked : catalog.tables) {
    for (const auto& [origin, to] : stable.map()) {
      const auto index = origins.Find(origin);
      if (!index) continue;
      if (gone >= limit) return gone;
      HL_ASSIGN(const Chunk chunk, OldestChunk(db, tracked.id, *index, to, limit - gone));
      if (chunk.end.value == 0) continue;
      HL_ASSIGN(auto forget,
                db->PrepareCached(fmt::format("DELETE FROM {} AND n = ?1 AND lseq <= ?2",
                                              Tombstones(tracked.id))));
      forget->Bind(1, index->value);
      forget->Bind(2, chunk.end.value);
      HL_TRY(forget->Run());
      gone += db->changes();
      if (HL_MUTANT(forgotten_not_noted)) continue;
      HL_TRY(SaveCollected(db, *index, chunk.end, chunk.newest));
      collected->Advance(origin, chunk.end);
    }
  }
  return gone;
}

Result<bool> AnyCollectable(Connection* db, const Catalog& catalog, const OriginTable& origins,
                            const ProgressVector& stable) {
  for (const TrackedTable& tracked : catalog.tables) {
    HL_ASSIGN(auto any,
              db->PrepareCached(fmt::format("SELECT 1 FROM {} LIMIT 1", Tombstones(tracked.id))));
    HL_ASSIGN(const bool some, any->Step());
    if (!some) continue;
    for (const auto& [origin, to] : stable.map()) {
      const auto index = origins.Find(origin);
      if (!index) continue;
      HL_ASSIGN(const Chunk chunk, OldestChunk(db, tracked.id, *index, to, 1));
      if (chunk.end.value != 0) return true;
    }
  }
  return false;
}

Result<bool> HasTombstones(Connection* db, const Catalog& catalog, const OriginTable& origins,
                           const Origin& origin) {
  const auto index = origins.Find(origin);
  if (!index) return false;
  for (const TrackedTable& tracked : catalog.tables) {
    HL_ASSIGN(auto any, db->PrepareCached(fmt::format("SELECT 1 FROM {} AND n = ?1 LIMIT 1",
                                                      Tombstones(tracked.id))));
    any->Bind(1, index->value);
    HL_ASSIGN(const bool found, any->Step());
    if (found) return true;
  }
  return false;
}

Result<int64_t> CountTombstones(Connection* db, const Catalog& catalog) {
  int64_t count = 0;
  for (const TrackedTable& tracked : catalog.tables) {
    HL_ASSIGN(const int64_t more, db->QueryInt("SELECT count(*) FROM " + Tombstones(tracked.id)));
    count += more;
  }
  return count;
}

}  // namespace harmonylite::ledger
