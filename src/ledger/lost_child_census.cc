#include "ledger/lost_child_census.h"

#include <fmt/format.h>

#include <utility>

#include "change/image_codec.h"
#include "ledger/hidden_tables.h"
#include "ledger/listed_conflict.h"
#include "ledger/lost_children.h"
#include "sqlite/identifier.h"
#include "sqlite/literal.h"

namespace harmonylite::ledger {

namespace {

constexpr int kConflictsAStep = 50;
// Memory for the rows of a round is bounded; what is beyond is not counted.
constexpr size_t kMostRows = 100'000;

std::string KeyText(const change::Row& key) {
  std::string out;
  for (const change::Value& value : key) out += sqlite::Literal(value.view()) + ",";
  return out;
}

}  // namespace

void LostChildCensus::Reset(sqlite::Connection* db, const Catalog* catalog, const Clock* clock) {
  db_ = db;
  catalog_ = catalog;
  clock_ = clock;
  pace_.Reset();
}

Result<bool> LostChildCensus::Step(int64_t writes) {
  if (catalog_ == nullptr) return false;
  const int64_t now = clock_->MonotonicMs();
  if (!pace_.running()) {
    if (!pace_.Begin(writes, now)) return false;
    after_ = 0;
    found_.clear();
  }
  HL_ASSIGN(const bool more, LookAtSome());
  if (more) {
    pace_.Spend(clock_->MonotonicMs() - now);
    return false;
  }
  pace_.End(clock_->MonotonicMs());
  std::map<std::string, int64_t> counts;
  for (const auto& [table, key] : found_) ++counts[table];
  found_.clear();
  return std::exchange(counts_, std::move(counts)) != counts_;
}

Result<bool> LostChildCensus::LookAtSome() {
  HL_ASSIGN(auto list,
            db_->PrepareCached(fmt::format(
                "SELECT c.id, tbl, key, (SELECT node FROM __harmonylite__nodes WHERE n = loser_n), "
                "at_ms FROM __harmonylite__conflicts c WHERE c.id > ?1 AND kind = ?2 AND loser IS "
                "NOT NULL ORDER BY c.id LIMIT {}",
                kConflictsAStep)));
  list->Bind(1, after_);
  list->Bind(2, conflict_kind::kSameId);
  int looked = 0;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return looked == kConflictsAStep && found_.size() < kMostRows;
    ++looked;
    after_ = list->Int(0);
    HL_ASSIGN(const change::NamedImage key, change::DecodeImage(list->Column(2).bytes));
    if (key.values.size() != 1 || list->IsNull(3)) continue;
    const NodeId loser(static_cast<uint64_t>(list->Int(3)));
    HL_TRY(Look(list->Int(1), key.values[0], loser, list->Int(4)));
  }
}

Status LostChildCensus::Look(int64_t parent, const change::ValueView& id, NodeId loser,
                             int64_t found_at_ms) {
  const TrackedTable* tracked = catalog_->ById(parent);
  if (tracked == nullptr || !tracked->table.integer_key) return Ok();
  if (id.type != change::ValueType::kInteger || ReferencesTo(*catalog_, *tracked).empty())
    return Ok();
  HL_ASSIGN(auto stranger,
            db_->PrepareCached(fmt::format(
                "SELECT 1 FROM {} WHERE k1 = ?1 AND gone = 0 AND n NOT IN (SELECT n FROM "
                "__harmonylite__nodes WHERE node = ?2)",
                sqlite::Quote(VersionTableName(parent)))));
  stranger->Bind(1, id.integer);
  stranger->BindUInt(2, loser.value);
  HL_ASSIGN(const bool is_stranger, stranger->Step());
  if (!is_stranger) return Ok();
  HL_ASSIGN(const auto children,
            FindLostChildren(db_, *catalog_, *tracked, id.integer, loser, found_at_ms));
  for (const LostChild& child : children)
    found_.emplace(child.reference.child->table.name, KeyText(child.key));
  return Ok();
}

}  // namespace harmonylite::ledger
