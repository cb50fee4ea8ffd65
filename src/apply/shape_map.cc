#include "apply/shape_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/mutant.h"
#include "ledger/column_default.h"
#include "schema/schema.h"
#include "sqlite/identifier.h"

namespace harmonylite::apply {

namespace {

using change::TableShape;
using ledger::TrackedTable;
using schema::ColumnRow;
using schema::ObjectKind;
using schema::ObjectRow;
using sqlite::SameName;

bool Has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names, [&](const std::string& one) { return SameName(one, name); });
}

std::optional<uint32_t> PositionOf(const TableShape& shape, std::string_view column) {
  for (uint32_t i = 0; i < shape.columns.size(); ++i)
    if (SameName(shape.columns[i], column)) return i;
  return std::nullopt;
}

Error Absent(const ledger::Catalog& catalog, const std::string& table) {
  for (const schema::SkippedTable& skipped : catalog.skipped)
    if (SameName(skipped.name, table))
      return MakeError(ErrorCode::kSchemaMismatch, "table {} is not replicated here: {}", table,
                       skipped.reason);
  return MakeError(ErrorCode::kSchemaMismatch, "table {} does not exist here", table);
}

Error Mismatch(const TableShape& shape, std::string_view why) {
  return MakeError(ErrorCode::kSchemaMismatch, "table {}: {}", shape.name, why);
}

class Mapping {
 public:
  Mapping(sqlite::Connection* db, const TrackedTable& tracked, const ObjectRow& object,
          const TableShape& shape, const SenderSaw& saw)
      : db_(db),
        tracked_(tracked),
        object_(object),
        shape_(shape),
        saw_(saw),
        taken_(shape.columns.size()) {
    out_.tracked = &tracked;
  }

  // True if the batch's rows have another row key than the table.
  bool HasOtherKey() const {
    const schema::Table& table = tracked_.table;
    const bool identified = PositionOf(shape_, schema::kIdentityColumn).has_value();
    if (table.identity.has_value() != identified) return true;
    if (table.key.size() != shape_.key.size()) return true;
    for (size_t i = 0; i < table.key.size(); ++i)
      if (SourceOf(table.key[i].name) != shape_.key[i] ||
          !SameName(table.key[i].collation, shape_.collations[i]))
        return true;
    return false;
  }

  // The key must be the same.
  Result<ShapeMap> Make() {
    for (const std::string& column : tracked_.table.columns) HL_TRY(Take(column));
    for (size_t i = 0; i < taken_.size(); ++i)
      if (!taken_[i] && !IsDropped(shape_.columns[i]))
        return Mismatch(shape_, fmt::format("column {} does not exist here", shape_.columns[i]));
    // Another column of ours may have taken what is in the key at the sender.
    const schema::Table& table = tracked_.table;
    for (size_t i = 0; i < table.key.size(); ++i)
      if (out_.positions[table.key_positions[i]] != shape_.key[i])
        return Mismatch(shape_, "the key has other columns");
    return std::move(out_);
  }

 private:
  Status Take(const std::string& column) {
    const ColumnRow* row = object_.FindLive(column);
    const auto at = SourceOf(column);
    if (at && !taken_[*at]) {
      taken_[*at] = true;
      out_.positions.push_back(*at);
      out_.defaults.emplace_back();
      return Ok();
    }
    std::optional<change::Value> value;
    if (row != nullptr && row->initial && !HL_MUTANT(initial_value_ignored)) {
      HL_ASSIGN(value, ledger::ValueOfLiteral(db_, tracked_.table, column, *row->initial));
    } else if (row != nullptr || IsDropped(column)) {
      HL_ASSIGN(value, ledger::ConstantDefaultOf(db_, tracked_.table, column));
    }
    if (!value)
      return Mismatch(shape_, fmt::format("column {} does not exist at the sender", column));
    out_.positions.push_back(ShapeMap::kDefault);
    out_.defaults.push_back(std::move(*value));
    return Ok();
  }

  // Returns where a column of ours is in the batch; nothing if the batch does not have it.
  std::optional<uint32_t> SourceOf(const std::string& name) const {
    const ColumnRow* column = object_.FindLive(name);
    if (column == nullptr) return PositionOf(shape_, name);
    const auto& since = column->since;
    if (since && !saw_.change(since->first, since->second)) return std::nullopt;
    if (const auto at = PositionOf(shape_, column->name())) return at;
    for (const std::string& former : column->names)
      if (const auto at = PositionOf(shape_, former)) return at;
    return std::nullopt;
  }

  bool IsDropped(std::string_view name) const {
    return std::ranges::any_of(object_.columns, [&](const ColumnRow& column) {
      return column.dropped && Has(column.names, name);
    });
  }

  sqlite::Connection* db_;  // not owned
  const TrackedTable& tracked_;
  const ObjectRow& object_;
  const TableShape& shape_;
  const SenderSaw& saw_;
  std::vector<bool> taken_;  // columns of the batch that have a place
  ShapeMap out_;
};

}  // namespace

KnownObjects::KnownObjects(ledger::ObjectRows rows) : rows_(std::move(rows)) {
  for (const auto& [key, row] : rows_) {
    if (key.kind != ObjectKind::kTable) continue;
    std::set<std::string> names;
    for (const std::string& name : row.names) names.insert(sqlite::FoldCase(name));
    for (const std::string& name : names) tables_.emplace(name, &row);
  }
}

std::vector<const ObjectRow*> KnownObjects::TablesNamed(std::string_view name) const {
  std::vector<const ObjectRow*> out;
  const auto [first, last] = tables_.equal_range(sqlite::FoldCase(name));
  for (auto it = first; it != last; ++it) out.push_back(it->second);
  return out;
}

const ObjectRow* KnownObjects::Table(const std::string& id) const {
  const auto row = rows_.find({ObjectKind::kTable, id});
  return row == rows_.end() ? nullptr : &row->second;
}

std::vector<schema::ObjectId> KnownObjects::TableAndIndexes(const std::string& id) const {
  std::vector<schema::ObjectId> out;
  for (const auto& [key, row] : rows_) {
    const bool is_table = key.kind == ObjectKind::kTable && key.id == id;
    const bool is_index = key.kind == ObjectKind::kIndex && row.table == id;
    if (is_table || is_index) out.push_back(key);
  }
  return out;
}

ShapeMap Straight(const TrackedTable& tracked, const TableShape& shape) {
  ShapeMap out;
  out.tracked = &tracked;
  for (const std::string& column : tracked.table.columns) {
    auto at = PositionOf(shape, column).value_or(static_cast<uint32_t>(shape.columns.size()));
    if (HL_MUTANT(schema_hold_skipped))
      at = std::min(at, static_cast<uint32_t>(shape.columns.size() - 1));
    if (HL_MUTANT(column_order_ignored)) at = static_cast<uint32_t>(out.positions.size());
    out.positions.push_back(at);
  }
  out.defaults.resize(out.positions.size());
  return out;
}

namespace {

// Returns which table of the cluster the sender means. Null: none is known. A sender that does not
// say it means the one with the name, or one that was dropped, or has another name now, if it has
// not seen that.
Result<const ObjectRow*> TableMeant(const KnownObjects& objects, const TableShape& shape,
                                    const SenderSaw& saw) {
  const std::string& name = shape.name;
  const std::string id = shape.object.empty() ? sqlite::FoldCase(name) : shape.object;
  const ObjectRow* meant = HL_MUTANT(object_not_told) ? nullptr : objects.Table(id);
  if (meant != nullptr) return meant;
  for (const ObjectRow* object : objects.TablesNamed(name)) {
    if (!object->dropped() && SameName(object->name(), name)) {
      if (meant == nullptr) meant = object;
      continue;
    }
    HL_ASSIGN(const bool seen, saw.object(object->key));
    if (!seen) meant = object;
  }
  return meant;
}

// True if a name of the sender's may mean a column that was dropped, where another has it now.
bool HasUnseenColumn(const ObjectRow& object, const SenderSaw& saw) {
  return std::ranges::any_of(object.columns, [&](const ColumnRow& column) {
    return !column.dropped && column.since &&
           !saw.change(column.since->first, column.since->second);
  });
}

// True if the sender may not know yet what gave the table its present key.
Result<bool> MayLackKey(const KnownObjects& objects, const ObjectRow& table, const SenderSaw& saw) {
  for (const schema::ObjectId& giver : objects.TableAndIndexes(table.key.id)) {
    HL_ASSIGN(const bool seen, saw.object(giver));
    if (!seen) return true;
  }
  return false;
}

}  // namespace

Result<ShapeMap> MapShape(sqlite::Connection* db, const ledger::Catalog& catalog,
                          const KnownObjects& objects, const TableShape& shape,
                          schema::Follow follow, const SenderSaw& saw) {
  HL_ASSIGN(const ObjectRow* meant, TableMeant(objects, shape, saw));
  const TrackedTable* tracked = catalog.ByName(shape.name);
  const bool dropped = meant != nullptr && meant->dropped();
  if (dropped && follow == schema::Follow::kAll) return ShapeMap();
  const bool keeps_name = follow == schema::Follow::kOff || dropped;
  if (meant != nullptr && !(keeps_name && tracked != nullptr))
    tracked = catalog.ByName(meant->name());
  if (tracked == nullptr) return Absent(catalog, shape.name);
  const auto difference = schema::Difference(tracked->table.Shape(), shape);
  const bool same_names = !difference && (meant == nullptr || !HasUnseenColumn(*meant, saw));
  if (same_names || HL_MUTANT(schema_hold_skipped)) return Straight(*tracked, shape);
  if (difference && (meant == nullptr || dropped)) return Mismatch(shape, *difference);
  Mapping mapping(db, *tracked, *meant, shape, saw);
  if (mapping.HasOtherKey()) {
    HL_ASSIGN(const bool may_lack, MayLackKey(objects, *meant, saw));
    if (may_lack && !HL_MUTANT(former_keys_hold)) return ShapeMap{nullptr, tracked, {}, {}};
    return Mismatch(shape, "it has another key at the sender");
  }
  return mapping.Make();
}

}  // namespace harmonylite::apply
