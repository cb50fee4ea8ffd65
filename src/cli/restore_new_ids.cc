#include "cli/restore_new_ids.h"

#include <map>
#include <set>
#include <tuple>

#include "cli/database.h"
#include "cli/restore_conflict.h"
#include "ledger/key_sql.h"
#include "ledger/lost_children.h"
#include "sqlite/identifier.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using change::NamedImage;
using change::ValueType;
using change::ValueView;
using ledger::ListedConflict;
using sqlite::Quote;

const change::Value* ValueOf(const NamedImage& image, const std::string& column) {
  for (size_t i = 0; i < image.columns.size(); ++i)
    if (sqlite::SameName(image.columns[i], column)) return &image.values[i];
  return nullptr;
}

std::optional<int64_t> IntegerOf(const change::Value* value) {
  if (value == nullptr || value->view().type != ValueType::kInteger) return std::nullopt;
  return value->view().integer;
}

int64_t IdOf(const ListedConflict& conflict) { return conflict.key.values.at(0).view().integer; }

NodeId WriterOf(const ListedConflict& conflict) {
  return conflict.loser.origin ? conflict.loser.origin->node : NodeId(0);
}

// One run of RestoreWithNewIds.
class Restorer {
 public:
  Restorer(sqlite::Connection* db, const ledger::Catalog& catalog,
           const std::vector<ListedConflict>& list)
      : db_(db), catalog_(catalog) {
    for (const ListedConflict& one : list)
      if (LostItsId(catalog, one)) Note(one);
  }

  // Writes one row back, with everything that belongs to it, or changes nothing.
  Status Restore(const ListedConflict& conflict, RestoredAnew* out) {
    if (done_.contains(LostOf(conflict))) return Ok();
    circular_.clear();
    undo_.clear();
    RestoredAnew counts;
    HL_TRY(db_->Exec("SAVEPOINT one"));
    Status written = WriteAll(conflict, &counts);
    if (written.ok()) {
      HL_TRY(db_->Exec("RELEASE one"));
      out->rows += counts.rows;
      out->children += counts.children;
      return Ok();
    }
    for (const Lost& lost : undo_) {
      ids_.erase(lost);
      done_.erase(lost);
    }
    HL_TRY(db_->Exec("ROLLBACK TO one"));
    HL_TRY(db_->Exec("RELEASE one"));
    out->problems.push_back(fmt::format("conflict {} ({} {}): {}", conflict.id, conflict.table,
                                        IdOf(conflict), written.error().message()));
    return Ok();
  }

 private:
  // The table, the former id, and the node that wrote the row.
  using Lost = std::tuple<int64_t, int64_t, NodeId>;
  // A reference of a row that was written back to one that is being written back.
  struct Circular {
    ledger::KeyReference reference;
    Lost lost;
    int64_t id = 0;  // the new id of the row that refers
  };

  Lost LostOf(const ListedConflict& conflict) const {
    return {catalog_.ByName(conflict.table)->id, IdOf(conflict), WriterOf(conflict)};
  }

  // Adds a conflict to the index of what was lost, and of what refers to it. The list may have
  // several writes of one row: the newest one comes first.
  void Note(const ListedConflict& conflict) {
    const Lost lost = LostOf(conflict);
    std::vector<const ListedConflict*>& writes = lost_[lost];
    writes.push_back(&conflict);
    if (conflict.loser.stamp > writes.front()->loser.stamp)
      std::swap(writes.front(), writes.back());
    for (const ledger::TrackedTable& parent : catalog_.tables)
      for (const ledger::KeyReference& reference : ledger::ReferencesTo(catalog_, parent)) {
        if (!sqlite::SameName(conflict.table, reference.child->table.name)) continue;
        const auto id = IntegerOf(ValueOf(*conflict.loser.image, reference.column));
        if (id) referring_[{parent.id, *id, WriterOf(conflict)}].push_back(lost);
      }
  }

  Status WriteAll(const ListedConflict& conflict, RestoredAnew* counts) {
    HL_ASSIGN(const bool is_lost, IsLost(LostOf(conflict)));
    if (!is_lost)
      return MakeError(ErrorCode::kConflict,
                       "the row that has the id now was written by the same node, so that nothing "
                       "may be lost: compare them with --show");
    HL_TRY(Write(LostOf(conflict), counts));
    return CloseCircles();
  }

  // False if the id is that of a live row which the same node has written: a later write of that
  // node won, or both rows are that node's, and nothing is known to be lost.
  Result<bool> IsLost(const Lost& lost) {
    const auto& [table, id, writer] = lost;
    HL_ASSIGN(auto find, db_->PrepareCached(fmt::format(
                             "SELECT 1 FROM {} v JOIN __harmonylite__nodes o ON o.n = v.n "
                             "WHERE v.k1 = ?1 AND v.gone = 0 AND o.node = ?2",
                             Quote(ledger::VersionTableName(table)))));
    find->Bind(1, id);
    find->BindUInt(2, writer.value);
    HL_ASSIGN(const bool own, find->Step());
    return !own;
  }

  // Writes a row back, and the rows that it refers to before it, because their new ids belong into
  // it. Does nothing for a row that is not lost, or was written back already.
  Status Write(const Lost& lost, RestoredAnew* counts) {
    if (done_.contains(lost)) return Ok();
    HL_ASSIGN(const bool is_lost, IsLost(lost));
    if (!is_lost) return Ok();
    done_.insert(lost);
    undo_.push_back(lost);
    const std::vector<const ListedConflict*>& writes = lost_.at(lost);
    const ListedConflict& newest = *writes.front();
    const ledger::TrackedTable* tracked = catalog_.ByName(newest.table);
    HL_ASSIGN(NamedImage row, KeptRow(tracked->table, newest, {}));
    std::vector<Circular> open;
    HL_TRY(FollowParents(*tracked, newest, &row, &open, counts));
    HL_ASSIGN(const int64_t id, Insert(tracked->table, row));
    ids_[lost] = id;
    ++counts->rows;
    for (Circular& one : open) {
      one.id = id;
      circular_.push_back(one);
    }
    for (const ListedConflict* one : writes) HL_TRY(TakeOffTheList(db_, *one));
    return FollowChildren(*tracked, newest, id, counts);
  }

  Status FollowParents(const ledger::TrackedTable& tracked, const ListedConflict& conflict,
                       NamedImage* row, std::vector<Circular>* open, RestoredAnew* counts) {
    for (const ledger::TrackedTable& parent : catalog_.tables) {
      for (const ledger::KeyReference& reference : ledger::ReferencesTo(catalog_, parent)) {
        if (reference.child->id != tracked.id) continue;
        const auto id = IntegerOf(ValueOf(*row, reference.column));
        if (!id) continue;
        const Lost lost{parent.id, *id, WriterOf(conflict)};
        if (lost_.contains(lost)) HL_TRY(Write(lost, counts));
        if (!ids_.contains(lost)) {
          if (done_.contains(lost)) open->push_back({reference, lost, 0});
          continue;
        }
        for (size_t i = 0; i < row->columns.size(); ++i)
          if (sqlite::SameName(row->columns[i], reference.column))
            row->values[i] = change::Value(ValueView::Integer(ids_[lost]));
      }
    }
    return Ok();
  }

  Status CloseCircles() {
    for (const Circular& one : circular_) {
      const schema::Table& table = one.reference.child->table;
      HL_ASSIGN(auto update, db_->Prepare(fmt::format(
                                 "UPDATE {} SET {} = ?1 WHERE {} = ?2", Quote(table.name),
                                 Quote(one.reference.column), Quote(table.key.at(0).name))));
      update.Bind(1, ids_[one.lost]);
      update.Bind(2, one.id);
      HL_TRY(update.Run());
    }
    return Ok();
  }

  // If one node wrote both rows, nobody can tell to which of them a row refers.
  Status FollowChildren(const ledger::TrackedTable& tracked, const ListedConflict& conflict,
                        int64_t id, RestoredAnew* counts) {
    if (conflict.winner.origin && conflict.winner.origin->node == WriterOf(conflict)) return Ok();
    HL_ASSIGN(const auto children, ledger::FindLostChildren(db_, catalog_, tracked, IdOf(conflict),
                                                            WriterOf(conflict), conflict.at_ms));
    for (const ledger::LostChild& child : children) HL_TRY(Follow(child, id, counts));
    const auto referring = referring_.find(LostOf(conflict));
    if (referring == referring_.end()) return Ok();
    for (const Lost& child : referring->second) HL_TRY(Write(child, counts));
    return Ok();
  }

  Status Follow(const ledger::LostChild& child, int64_t id, RestoredAnew* counts) {
    const schema::Table& table = child.reference.child->table;
    HL_ASSIGN(auto update,
              db_->Prepare(fmt::format("UPDATE {} SET {} = ?1 WHERE {}", Quote(table.name),
                                       Quote(child.reference.column), ledger::RowKeyIs(table, 2))));
    update.Bind(1, id);
    update.BindAll(child.key, 2);
    HL_TRY(update.Run());
    if (db_->changes() != 1)
      return MakeError(ErrorCode::kConflict, "a row of table {} that refers to it cannot follow",
                       table.name);
    ++counts->children;
    return Ok();
  }

  // Returns the id that SQLite has given.
  Result<int64_t> Insert(const schema::Table& table, NamedImage row) {
    for (size_t i = row.columns.size(); i-- > 0;) {
      if (!sqlite::SameName(row.columns[i], table.key.at(0).name)) continue;
      row.columns.erase(row.columns.begin() + static_cast<ptrdiff_t>(i));
      row.values.erase(row.values.begin() + static_cast<ptrdiff_t>(i));
    }
    HL_TRY(InsertRow(db_, table, row));
    return db_->last_insert_rowid();
  }

  sqlite::Connection* db_;          // not owned
  const ledger::Catalog& catalog_;  // not owned
  // The conflicts of each lost row, the newest write first; not owned.
  std::map<Lost, std::vector<const ListedConflict*>> lost_;
  std::map<Lost, std::vector<Lost>> referring_;  // the lost rows that refer to a row, lost or not
  std::map<Lost, int64_t> ids_;                  // the new ids of the rows that were written back
  std::set<Lost> done_;                          // the rows that were looked at
  // The next two are of the row that Restore() writes back.
  std::vector<Circular> circular_;
  std::vector<Lost> undo_;
};

}  // namespace

Result<RestoredAnew> RestoreWithNewIds(sqlite::Connection* db, const ledger::Catalog& catalog,
                                       const std::vector<ListedConflict>& list,
                                       const std::vector<const ListedConflict*>& chosen) {
  const BesideApplication beside(db);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kWrite));
  HL_TRY(CanFindRows(db));
  Restorer restorer(db, catalog, list);
  RestoredAnew out;
  for (const ListedConflict* one : chosen) HL_TRY(restorer.Restore(*one, &out));
  HL_TRY(transaction.Commit());
  return out;
}

}  // namespace harmonylite::cli
