#include "ledger/retirement_table.h"

#include "base/mutant.h"
#include "ledger/tombstones.h"

namespace harmonylite::ledger {

namespace {

using change::Retirement;
using change::Retirements;
using sqlite::Connection;
using sqlite::Statement;

Result<OriginIndex> Known(const OriginTable& origins, const Origin& origin) {
  const auto index = origins.Find(origin);
  if (!index)
    return MakeError(ErrorCode::kCorruption, "__harmonylite__nodes has no row of origin {}",
                     ToString(origin));
  return *index;
}

// Moves what `origin` has in `collected` to `by`: the collected vector then names `at` of `by`, and
// the greatest stamp of a forgotten tombstone is kept.
Status MoveCollected(Connection* db, OriginIndex origin, OriginIndex by, Lseq at) {
  HL_ASSIGN(Statement newest, db->Prepare("SELECT hlc FROM __harmonylite__collected WHERE n = ?1"));
  newest.Bind(1, origin.value);
  HL_ASSIGN(const bool any, newest.Step());
  const Hlc stamp = any ? Hlc(newest.Int(0)) : Hlc(0);
  newest.Reset();
  if (!HL_MUTANT(retired_not_collected)) HL_TRY(SaveCollected(db, by, at, stamp));
  HL_ASSIGN(Statement forget, db->Prepare("DELETE FROM __harmonylite__collected WHERE n = ?1"));
  forget.Bind(1, origin.value);
  return forget.Run();
}

}  // namespace

Result<Retirements> LoadRetirements(Connection* db, const OriginTable& origins) {
  Retirements out;
  HL_ASSIGN(const bool there, HasHiddenTable(db, "__harmonylite__retired"));
  if (!there) return out;
  HL_ASSIGN(auto list, db->PrepareCached("SELECT n, last, by_n, at FROM __harmonylite__retired"));
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    HL_ASSIGN(const Origin origin, origins.At(OriginIndex(list->Int(0))));
    HL_ASSIGN(const Origin by, origins.At(OriginIndex(list->Int(2))));
    out.Add({origin, Lseq(list->Int(1)), by, Lseq(list->Int(3))});
  }
}

Result<change::ProgressVector> LoadWholeProgress(Connection* db, const OriginTable& origins,
                                                 const Origin& self, Lseq own) {
  HL_ASSIGN(change::ProgressVector progress, LoadProgress(db, origins));
  if (own > Lseq(0)) progress.Advance(self, own);
  HL_ASSIGN(const Retirements known, LoadRetirements(db, origins));
  return change::Knowledge(progress, known, self, own).Expanded();
}

Status SaveRetirement(Connection* db, OriginTable* origins, const Retirement& retirement) {
  HL_ASSIGN(const OriginIndex origin, origins->IndexOf(db, retirement.origin));
  HL_ASSIGN(const OriginIndex by, origins->IndexOf(db, retirement.by));
  HL_ASSIGN(auto add, db->PrepareCached("INSERT OR IGNORE INTO __harmonylite__retired"
                                        "(n, last, by_n, at) VALUES(?1, ?2, ?3, ?4)"));
  add->Bind(1, origin.value);
  add->Bind(2, retirement.last.value);
  add->Bind(3, by.value);
  add->Bind(4, retirement.at.value);
  return add->Run();
}

Status DropRetirementsAfter(Connection* db, OriginIndex by, Lseq base) {
  HL_ASSIGN(Statement drop,
            db->Prepare("DELETE FROM __harmonylite__retired WHERE by_n = ?1 AND at > ?2"));
  drop.Bind(1, by.value);
  drop.Bind(2, base.value);
  return drop.Run();
}

Status Retire(Connection* db, const OriginTable& origins, const Retirement& retirement) {
  HL_ASSIGN(const OriginIndex origin, Known(origins, retirement.origin));
  HL_ASSIGN(const OriginIndex by, Known(origins, retirement.by));
  HL_ASSIGN(Statement progress, db->Prepare("DELETE FROM __harmonylite__progress WHERE n = ?1"));
  progress.Bind(1, origin.value);
  HL_TRY(progress.Run());
  HL_TRY(MoveCollected(db, origin, by, retirement.at));
  HL_ASSIGN(Statement rewrite,
            db->Prepare("UPDATE OR REPLACE __harmonylite__retired SET by_n = ?1, at = ?2 "
                        "WHERE by_n = ?3 AND at <= ?4"));
  rewrite.Bind(1, by.value);
  rewrite.Bind(2, retirement.at.value);
  rewrite.Bind(3, origin.value);
  rewrite.Bind(4, retirement.last.value);
  HL_TRY(rewrite.Run());
  // A retirement of `by` that `origin` had stated says nothing any more.
  return db->Exec("DELETE FROM __harmonylite__retired WHERE n = by_n");
}

}  // namespace harmonylite::ledger
