#include "apply/orphans.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "apply/unique_probe.h"
#include "change/image_codec.h"
#include "ledger/contradiction.h"
#include "ledger/key_sql.h"
#include "ledger/references.h"
#include "merge/root.h"
#include "sqlite/identifier.h"

namespace harmonylite::apply {

namespace {

using change::Row;
using change::ValueType;
using change::ValueView;
using change::Views;
using ledger::Catalog;
using ledger::Reference;
using ledger::TrackedTable;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

bool AnyNull(const std::vector<ValueView>& values) {
  return std::any_of(values.begin(), values.end(),
                     [](const ValueView& value) { return value.type == ValueType::kNull; });
}

std::vector<ValueView> At(const Row& image, const std::vector<uint32_t>& positions) {
  std::vector<ValueView> out;
  for (const uint32_t position : positions) out.push_back(image[position].view());
  return out;
}

Result<Row> DecodeKey(const ValueView& bytes) {
  HL_ASSIGN(change::NamedImage image, change::DecodeImage(bytes.bytes));
  return std::move(image.values);
}

std::string EncodeKey(const Row& key) {
  const std::vector<std::string> names(key.size());
  return change::EncodeImage(names, Views(key));
}

// --- The table `held`: unique values of hidden orphans ---

// Notes the unique values of an orphan that is being hidden.
Status Hold(Connection* db, int64_t table, const Row& key, const std::vector<std::string>& values) {
  HL_ASSIGN(auto put,
            db->PrepareCached(
                "INSERT OR IGNORE INTO __harmonylite__held(value, tbl, key) VALUES(?1, ?2, ?3)"));
  const std::string bytes = EncodeKey(key);
  for (const std::string& value : values) {
    put->Bind(1, ValueView::Blob(value));
    put->Bind(2, table);
    put->Bind(3, ValueView::Blob(bytes));
    HL_TRY(put->Run());
  }
  return Ok();
}

// Makes pending the orphans that hold a unique value of the row `image`. An entry of `held` may be
// out of date, because rows come back or go without their entries being removed. Each entry that
// was found is therefore removed; a woken orphan that is hidden again gets new ones.
Result<bool> WakeHoldersOf(Connection* db, const TableTools& tools, const Row& image) {
  HL_ASSIGN(const auto values, UniqueValues(db, tools.tracked->table, Views(image)));
  bool woken = false;
  for (const std::string& value : values) {
    std::vector<Row> holders;
    {
      HL_ASSIGN(
          auto find,
          db->PrepareCached("SELECT key FROM __harmonylite__held WHERE value = ?1 AND tbl = ?2"));
      find->Bind(1, ValueView::Blob(value));
      find->Bind(2, tools.tracked->id);
      HL_ASSIGN(holders, find->AllRows());
    }
    for (const Row& holder : holders) {
      HL_ASSIGN(const Row key, DecodeKey(holder[0]));
      HL_ASSIGN(const bool orphan, tools.shadows->IsOrphan(Views(key)));
      if (orphan) {
        HL_TRY(tools.shadows->Wake(Views(key)));
        woken = true;
      }
      HL_ASSIGN(auto drop, db->PrepareCached("DELETE FROM __harmonylite__held WHERE value = ?1 AND "
                                             "tbl = ?2 AND key = ?3"));
      drop->Bind(1, ValueView::Blob(value));
      drop->Bind(2, tools.tracked->id);
      drop->Bind(3, holder[0].view());
      HL_TRY(drop->Run());
    }
  }
  return woken;
}

// --- The references of one table ---

// A table's tools and its part in the catalog's references, which are named by their position.
struct Sides {
  TableTools tools;
  std::vector<size_t> as_child;  // Numbers of the references in which the table is the child.
  std::vector<size_t> as_parent;
};

// The references of all tables as merge::Root sees them. Its list of rows is the table `touched`:
// the row at place i of the list is the one with id i + 1, and rows that Root adds are appended
// there.
class TableReferences final : public merge::ReferenceStage {
 public:
  TableReferences(Connection* db, const Catalog& catalog, const ToolsOf& tools, OrphanStats* stats)
      : db_(db), catalog_(catalog), tools_(tools), stats_(stats) {}

  Status Open() {
    HL_ASSIGN(last_, db_->QueryInt("SELECT coalesce(max(id), 0) FROM __harmonylite__touched"));
    for (size_t i = 0; i < catalog_.references.size(); ++i) {
      HL_ASSIGN(Sides * child, SidesOf(catalog_.references[i].child));
      child->as_child.push_back(i);
      HL_ASSIGN(Sides * parent, SidesOf(catalog_.references[i].parent));
      parent->as_parent.push_back(i);
    }
    return Ok();
  }

  size_t Count() const override { return static_cast<size_t>(last_); }

  Status ShowWaiting(size_t row) override {
    HL_TRY(Load(row));
    if (!image_) return Ok();
    for (const size_t number : sides_->as_parent) {
      const Reference& reference = catalog_.references[number];
      Sides& child = tables_.at(reference.child);
      if (child.tools.shadows == nullptr) continue;
      const std::vector<ValueView> values = At(*image_, reference.parent_positions);
      if (AnyNull(values)) continue;
      HL_ASSIGN(const std::vector<Row> keys, child.tools.shadows->Wanting(Wants(number, values)));
      for (const Row& key : keys) HL_TRY(Show(child.tools, key));
    }
    return Ok();
  }

  Result<bool> HideOrphan(size_t row) override {
    HL_TRY(Load(row));
    if (!image_ || AnyNull(Views(key_))) return false;
    for (const size_t number : sides_->as_child) {
      const Reference& reference = catalog_.references[number];
      const std::vector<ValueView> values = At(*image_, reference.child_positions);
      if (AnyNull(values)) continue;  // A NULL refers to nothing (MATCH SIMPLE).
      HL_ASSIGN(auto find, db_->PrepareCached(ledger::ParentSql(catalog_, reference)));
      find->BindAll(values);
      HL_ASSIGN(const bool found, find->Step());
      if (found) continue;
      find->Reset();
      HL_TRY(Hide(Wants(number, values)));
      return true;
    }
    return false;
  }

  // The children of a row that left its table are found through an index, if they refer to the
  // parent's key and such an index exists. For other references the former values of the row are
  // unknown, or looking them up would be slow: then one search over all children, in Search(),
  // serves all rows.
  Status AddBereaved(size_t row) override {
    HL_TRY(Load(row));
    for (const size_t number : sides_->as_parent) {
      const Reference& reference = catalog_.references[number];
      // The row is in its table, and a key's values do not change, so no child has lost it.
      if (reference.to_key && image_) continue;
      if (!reference.to_key || !reference.indexed)
        to_search_.insert(number);
      else
        HL_TRY(AddChildren(reference));
    }
    return Ok();
  }

  Status Search() override {
    for (const size_t number : std::exchange(to_search_, {})) {
      HL_ASSIGN(auto find,
                db_->PrepareCached(ledger::OrphansSql(catalog_, catalog_.references[number])));
      HL_ASSIGN(const std::vector<Row> keys, find->AllRows());
      const TrackedTable& child = *catalog_.ById(catalog_.references[number].child);
      for (const Row& key : keys) HL_TRY(Add(child, key));
    }
    return Ok();
  }

 private:
  Result<Sides*> SidesOf(int64_t table) {
    auto it = tables_.find(table);
    if (it == tables_.end()) {
      HL_ASSIGN(const TableTools tools, tools_(table));
      it = tables_.emplace(table, Sides{tools, {}, {}}).first;
    }
    return &it->second;
  }

  // The text that identifies what an orphan waits for: the reference and the values. If values of
  // child and parent cannot be compared as texts, it is the reference alone, and any parent wakes
  // the orphan.
  std::string Wants(size_t number, const std::vector<ValueView>& values) const {
    const Reference& reference = catalog_.references[number];
    std::string out = fmt::format("{}:", number);
    if (reference.alike) out += ledger::Canonical(values, reference.collations);
    return out;
  }

  // Loads the row at this place of the list: `sides_`, `key_`, and `image_` if the row is in its
  // table.
  Status Load(size_t row) {
    if (loaded_ == row) return Ok();
    loaded_ = row;
    HL_ASSIGN(auto find,
              db_->PrepareCached("SELECT tbl, key FROM __harmonylite__touched WHERE id = ?1"));
    find->Bind(1, static_cast<int64_t>(row) + 1);
    HL_ASSIGN(const bool found, find->Step());
    image_.reset();
    key_.clear();
    const auto it = found ? tables_.find(find->Int(0)) : tables_.end();
    // The table is on no side of any reference any more.
    if (it == tables_.end()) {
      sides_ = &nowhere_;
      return Ok();
    }
    sides_ = &it->second;
    HL_ASSIGN(key_, DecodeKey(find->Column(1)));
    HL_ASSIGN(image_, sides_->tools.writer->ReadRow(Views(key_)));
    return Ok();
  }

  // Appends a row to the list.
  Status Add(const TrackedTable& table, const Row& key) {
    HL_TRY(ledger::Touch(db_, table, Views(key)));
    ++last_;
    return Ok();
  }

  // Puts an orphan back into its table and appends it to the list. The row at hand is loaded again
  // afterwards, because it may be the one that was shown.
  Status Show(const TableTools& tools, const Row& key) {
    HL_ASSIGN(const std::optional<Row> image, tools.shadows->Image(Views(key)));
    if (!image) return ledger::Contradiction("a hidden orphan has no image");
    Status put = tools.writer->PutRow(Views(*image));
    if (!put.ok() && put.error().code() != ErrorCode::kConflict) return put;
    // A row that only this node has (NULL in its key) is in the way, so the orphan stays, pending.
    if (!put.ok()) return tools.shadows->Wake(Views(key));
    ++stats_->shown;
    HL_TRY(tools.shadows->Remove(Views(key)));
    loaded_ = SIZE_MAX;
    return Add(*tools.tracked, key);
  }

  // Hides the row at hand. Its unique values are noted in `held` before it leaves its table,
  // because an orphan keeps them.
  Status Hide(const std::string& wants) {
    const TableTools& tools = sides_->tools;
    if (tools.shadows == nullptr)
      return ledger::Contradiction("a table that hides orphans has no table for them");
    if (!tools.tracked->table.unique_indexes.empty()) {
      HL_ASSIGN(const auto values, UniqueValues(db_, tools.tracked->table, Views(*image_)));
      HL_TRY(Hold(db_, tools.tracked->id, key_, values));
    }
    HL_TRY(tools.writer->DeleteRow(Views(key_)));
    HL_TRY(tools.shadows->PutOrphan(Views(key_), Views(*image_), wants));
    ++stats_->hidden;
    image_.reset();
    return Ok();
  }

  // Adds the children of the row at hand, which is a parent no longer, by their index.
  Status AddChildren(const Reference& reference) {
    const TrackedTable& child = *catalog_.ById(reference.child);
    const TrackedTable& parent = *catalog_.ById(reference.parent);
    std::string where;
    std::vector<ValueView> values;
    for (size_t i = 0; i < reference.child_positions.size(); ++i) {
      where += fmt::format("{}{} = ?{}", i == 0 ? "" : " AND ",
                           Quote(child.table.columns[reference.child_positions[i]]), i + 1);
      const auto at = std::find(parent.table.key_positions.begin(),
                                parent.table.key_positions.end(), reference.parent_positions[i]);
      values.push_back(key_[at - parent.table.key_positions.begin()].view());
    }
    HL_ASSIGN(auto find, db_->PrepareCached(fmt::format("SELECT {} FROM {} WHERE {}",
                                                        ledger::RowKey("", child.table),
                                                        Quote(child.table.name), where)));
    find->BindAll(values);
    HL_ASSIGN(const std::vector<Row> keys, find->AllRows());
    for (const Row& key : keys) HL_TRY(Add(child, key));
    return Ok();
  }

  Connection* db_;  // not owned
  const Catalog& catalog_;
  const ToolsOf& tools_;
  OrphanStats* stats_;  // not owned
  std::map<int64_t, Sides> tables_;
  Sides nowhere_{};
  int64_t last_ = 0;
  std::set<size_t> to_search_;
  size_t loaded_ = SIZE_MAX;
  const Sides* sides_ = nullptr;
  Row key_;
  std::optional<Row> image_;
};

}  // namespace

Result<bool> WakeHolders(Connection* db, const ToolsOf& tools, int64_t* seen) {
  bool woken = false;
  while (true) {
    int64_t table = 0;
    Row key;
    {
      HL_ASSIGN(auto next,
                db->PrepareCached("SELECT id, tbl, key FROM __harmonylite__touched WHERE "
                                  "id > ?1 ORDER BY id LIMIT 1"));
      next->Bind(1, *seen);
      HL_ASSIGN(const bool row, next->Step());
      if (!row) return woken;
      *seen = next->Int(0);
      table = next->Int(1);
      HL_ASSIGN(key, DecodeKey(next->Column(2)));
    }
    HL_ASSIGN(const TableTools at, tools(table));
    if (at.shadows == nullptr || at.tracked->table.unique_indexes.empty()) continue;
    HL_ASSIGN(const bool any, at.shadows->AnyOrphans());
    if (!any) continue;
    HL_ASSIGN(const auto image, at.writer->ReadRow(Views(key)));
    if (!image) continue;
    HL_ASSIGN(const bool one, WakeHoldersOf(db, at, *image));
    woken = woken || one;
  }
}

Status SettleOrphans(Connection* db, const Catalog& catalog, const ToolsOf& tools,
                     OrphanStats* stats) {
  TableReferences stage(db, catalog, tools, stats);
  HL_TRY(stage.Open());
  if (stage.Count() == 0) return Ok();
  HL_TRY(merge::Root(&stage));
  return db->Exec("DELETE FROM __harmonylite__touched");
}

Result<std::vector<FoundOrphan>> FindOrphans(Connection* db, const Catalog& catalog) {
  std::vector<FoundOrphan> out;
  for (const Reference& reference : catalog.references) {
    HL_ASSIGN(Statement find, db->Prepare(ledger::OrphansSql(catalog, reference)));
    HL_ASSIGN(std::vector<Row> keys, find.AllRows());
    for (Row& key : keys) out.push_back({reference.child, std::move(key)});
  }
  return out;
}

}  // namespace harmonylite::apply
