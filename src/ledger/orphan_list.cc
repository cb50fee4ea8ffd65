#include "ledger/orphan_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "change/row_hash.h"
#include "ledger/key_sql.h"
#include "ledger/references.h"
#include "ledger/row_query.h"
#include "sqlite/identifier.h"
#include "sqlite/literal.h"

namespace harmonylite::ledger {

namespace {

using change::Row;
using change::ValueType;
using change::ValueView;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Lists the rows of one table for which `is_orphan` holds, a condition on a row called c.
Status ListTable(Connection* db, const Catalog& catalog, const TrackedTable& tracked,
                 const std::string& is_orphan, const OriginTable& origins,
                 std::vector<ListedConflict>* out) {
  const schema::Table& table = tracked.table;
  HL_ASSIGN(Statement list, db->Prepare(fmt::format(
                                "SELECT coalesce(v.hlc, 0), v.n{}{} FROM {} c LEFT JOIN {} v ON {} "
                                "WHERE {}({})",
                                KeyColumns("v", table), ImageColumns("c", table), Quote(table.name),
                                Quote(VersionTableName(tracked.id)), HiddenMatches("v", "c", table),
                                KeyPresentInC(table), is_orphan)));
  RowReader reader(db, table, /*first_column=*/2);
  std::vector<std::string> key_names;
  for (const schema::KeyColumn& column : table.key) key_names.push_back(column.name);
  while (true) {
    HL_ASSIGN(const bool row, list.Step());
    if (!row) return Ok();
    HL_TRY(reader.Read(list));
    if (!reader.present()) continue;  // It has NULL in its key and exists on this node only.
    ListedConflict one;
    const std::span<const ValueView> key = reader.ImageKey();
    one.key = {key_names, Row(key.begin(), key.end())};
    one.loser.stamp = Hlc(list.Int(0));
    if (!list.IsNull(1)) {
      HL_ASSIGN(one.loser.origin, origins.At(OriginIndex(list.Int(1))));
    }
    one.loser.image =
        change::NamedImage{table.columns, Row(reader.image().begin(), reader.image().end())};
    HL_TRY(DescribeOrphan(db, catalog, tracked, /*hidden=*/false, &one));
    out->push_back(std::move(one));
  }
}

}  // namespace

std::string ListedId(char kind, const TrackedTable& tracked, std::span<const ValueView> key) {
  uint64_t sum = 0;
  for (size_t i = 0; i < key.size(); ++i)
    sum += change::HashColumn(tracked.table.column_seeds[tracked.table.key_positions[i]], key[i]);
  return fmt::format("{}{}-{:08x}", kind, tracked.id, static_cast<uint32_t>(sum));
}

Result<std::string> MissingParents(Connection* db, const Catalog& catalog,
                                   const TrackedTable& table, std::span<const ValueView> image) {
  std::string out;
  for (const Reference& reference : catalog.references) {
    if (reference.child != table.id) continue;
    const schema::Table& parent = catalog.ById(reference.parent)->table;
    HL_ASSIGN(auto find, db->PrepareCached(ParentSql(catalog, reference)));
    std::string text = parent.name;
    bool null = false;
    for (size_t i = 0; i < reference.child_positions.size(); ++i) {
      const ValueView& value = image[reference.child_positions[i]];
      null = null || value.type == ValueType::kNull;
      find->Bind(static_cast<int>(i) + 1, value);
      text += fmt::format(" {}={}", parent.columns[reference.parent_positions[i]],
                          sqlite::Literal(value));
    }
    if (null) continue;
    HL_ASSIGN(const bool found, find->Step());
    if (!found) out += (out.empty() ? "" : ", ") + text;
  }
  return out;
}

Status DescribeOrphan(Connection* db, const Catalog& catalog, const TrackedTable& table,
                      bool hidden, ListedConflict* one) {
  const std::vector<ValueView> key(one->key.values.begin(), one->key.values.end());
  one->id = ListedId('o', table, key);
  one->table = table.table.name;
  one->kind = conflict_kind::kOrphan;
  one->at_ms = HlcMillis(one->loser.stamp);
  one->hidden = hidden;
  const std::vector<ValueView> image(one->loser.image->values.begin(),
                                     one->loser.image->values.end());
  // Until the next schema sync the image may have former columns of the table.
  if (image.size() != table.table.columns.size()) return Ok();
  HL_ASSIGN(one->missing, MissingParents(db, catalog, table, image));
  return Ok();
}

Status ListVisibleOrphans(Connection* db, const Catalog& catalog, const OriginTable& origins,
                          std::vector<ListedConflict>* out) {
  for (const TrackedTable& tracked : catalog.tables) {
    std::string is_orphan;
    for (const Reference& reference : catalog.references)
      if (reference.child == tracked.id)
        is_orphan += (is_orphan.empty() ? "" : " OR ") + IsOrphanSql(catalog, reference);
    if (!is_orphan.empty()) HL_TRY(ListTable(db, catalog, tracked, is_orphan, origins, out));
  }
  return Ok();
}

}  // namespace harmonylite::ledger
