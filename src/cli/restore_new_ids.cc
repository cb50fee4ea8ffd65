#include "cli/restore_new_ids.h"

#include <charconv>
#include <map>
#include <set>
#include <tuple>

#include "cli/database.h"
#include "cli/restore_conflict.h"
#include "ledger/key_sql.h"
#include "ledger/lost_children.h"
#include "sqlite/identifier.h"
#include "sqlite/literal.h"
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
      : db_(db), catalog_(catalog), list_(list) {}

  // Writes one row back, with everything that belongs to it, or changes nothing.
  Status Restore(const ListedConflict& conflict, RestoredAnew* out) {
    if (done_.contains(conflict.id)) return Ok();
    const auto ids = ids_;
    const auto done = done_;
    RestoredAnew counts;
    HL_TRY(db_->Exec("SAVEPOINT one"));
    Status written = Write(conflict, &counts);
    if (written.ok()) {
      HL_TRY(db_->Exec("RELEASE one"));
      out->rows += counts.rows;
      out->children += counts.children;
      return Ok();
    }
    ids_ = ids;
    done_ = done;
    HL_TRY(db_->Exec("ROLLBACK TO one"));
    HL_TRY(db_->Exec("RELEASE one"));
    out->problems.push_back(fmt::format("conflict {} ({} {}): {}", conflict.id, conflict.table,
                                        IdOf(conflict), written.error().message()));
    return Ok();
  }

 private:
  // The table, the former id, and the node that wrote the row.
  using Lost = std::tuple<int64_t, int64_t, NodeId>;

  // Rows that the row refers to come first, because their new ids belong into it.
  Status Write(const ListedConflict& conflict, RestoredAnew* counts) {
    if (!done_.insert(conflict.id).second) return Ok();
    const ledger::TrackedTable* tracked = catalog_.ByName(conflict.table);
    HL_ASSIGN(NamedImage row, KeptRow(tracked->table, conflict, {}));
    HL_TRY(FollowParents(*tracked, conflict, &row, counts));
    HL_ASSIGN(const int64_t id, Insert(tracked->table, row));
    ids_[{tracked->id, IdOf(conflict), WriterOf(conflict)}] = id;
    ++counts->rows;
    HL_TRY(TakeOffTheList(conflict));
    return FollowChildren(*tracked, conflict, id, counts);
  }

  Status FollowParents(const ledger::TrackedTable& tracked, const ListedConflict& conflict,
                       NamedImage* row, RestoredAnew* counts) {
    for (const ledger::TrackedTable& parent : catalog_.tables) {
      for (const ledger::KeyReference& reference : ledger::ReferencesTo(catalog_, parent)) {
        if (reference.child->id != tracked.id) continue;
        const auto id = IntegerOf(ValueOf(*row, reference.column));
        if (!id) continue;
        const Lost lost{parent.id, *id, WriterOf(conflict)};
        if (!ids_.contains(lost))
          for (const ListedConflict& one : list_)
            if (Is(one, lost)) HL_TRY(Write(one, counts));
        if (!ids_.contains(lost)) continue;
        for (size_t i = 0; i < row->columns.size(); ++i)
          if (sqlite::SameName(row->columns[i], reference.column))
            row->values[i] = change::Value(ValueView::Integer(ids_[lost]));
      }
    }
    return Ok();
  }

  // If one node wrote both rows, nobody can tell to which of them a row refers.
  Status FollowChildren(const ledger::TrackedTable& tracked, const ListedConflict& conflict,
                        int64_t id, RestoredAnew* counts) {
    if (conflict.winner.origin && conflict.winner.origin->node == WriterOf(conflict)) return Ok();
    HL_ASSIGN(const auto children,
              ledger::FindLostChildren(db_, catalog_, tracked, IdOf(conflict), WriterOf(conflict)));
    for (const ledger::LostChild& child : children) HL_TRY(Follow(child, id, counts));
    for (const ledger::KeyReference& reference : ledger::ReferencesTo(catalog_, tracked))
      for (const ListedConflict& one : list_) {
        const bool lost = LostItsId(catalog_, one) && WriterOf(one) == WriterOf(conflict) &&
                          sqlite::SameName(one.table, reference.child->table.name);
        if (lost && IntegerOf(ValueOf(*one.loser.image, reference.column)) == IdOf(conflict))
          HL_TRY(Write(one, counts));
      }
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
    counts->children += db_->changes();
    return Ok();
  }

  // Returns the id that SQLite has given.
  Result<int64_t> Insert(const schema::Table& table, const NamedImage& row) {
    std::string names;
    std::string parameters;
    std::vector<ValueView> values;
    for (size_t i = 0; i < row.columns.size(); ++i) {
      if (sqlite::SameName(row.columns[i], table.key.at(0).name)) continue;
      values.push_back(row.values[i].view());
      names += (values.size() == 1 ? "" : ", ") + Quote(row.columns[i]);
      parameters += fmt::format("{}?{}", values.size() == 1 ? "" : ", ", values.size());
    }
    HL_ASSIGN(auto insert,
              db_->Prepare(values.empty()
                               ? fmt::format("INSERT INTO {} DEFAULT VALUES", Quote(table.name))
                               : fmt::format("INSERT OR ABORT INTO {}({}) VALUES({})",
                                             Quote(table.name), names, parameters)));
    insert.BindAll(values);
    HL_TRY(insert.Run());
    if (db_->changes() == 1) return db_->last_insert_rowid();
    return MakeError(ErrorCode::kInvalidArgument,
                     "a trigger of table {} leaves the row out (RAISE(IGNORE))", table.name);
  }

  Status TakeOffTheList(const ListedConflict& conflict) {
    int64_t number = 0;
    const char* const end = conflict.id.data() + conflict.id.size();
    if (std::from_chars(conflict.id.data(), end, number).ptr != end) return Ok();
    return ledger::RemoveConflict(db_, number);
  }

  bool Is(const ListedConflict& one, const Lost& lost) const {
    if (!LostItsId(catalog_, one)) return false;
    return Lost{catalog_.ByName(one.table)->id, IdOf(one), WriterOf(one)} == lost;
  }

  sqlite::Connection* db_;                   // not owned
  const ledger::Catalog& catalog_;           // not owned
  const std::vector<ListedConflict>& list_;  // not owned
  std::map<Lost, int64_t> ids_;              // the new ids of the rows that were written back
  std::set<std::string> done_;               // ids of the conflicts that were looked at
};

}  // namespace

bool LostItsId(const ledger::Catalog& catalog, const ListedConflict& conflict) {
  namespace kind = ledger::conflict_kind;
  const bool gave_way = conflict.kind == kind::kSameId || conflict.kind == kind::kFirstJoin;
  if (!gave_way || !conflict.loser.image) return false;
  const ledger::TrackedTable* tracked = catalog.ByName(conflict.table);
  return tracked != nullptr && tracked->table.integer_key && !tracked->table.rowid_key &&
         conflict.key.values.size() == 1 &&
         conflict.key.values[0].view().type == ValueType::kInteger;
}

Result<RestoredAnew> RestoreWithNewIds(sqlite::Connection* db, const ledger::Catalog& catalog,
                                       const std::vector<ListedConflict>& list,
                                       const std::vector<const ListedConflict*>& chosen) {
  const BesideApplication beside(db);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kWrite));
  Restorer restorer(db, catalog, list);
  RestoredAnew out;
  for (const ListedConflict* one : chosen) HL_TRY(restorer.Restore(*one, &out));
  HL_TRY(transaction.Commit());
  return out;
}

}  // namespace harmonylite::cli
