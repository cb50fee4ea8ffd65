#include "ledger/lost_children.h"

#include <fmt/format.h>

#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

std::vector<KeyReference> ReferencesTo(const Catalog& catalog, const TrackedTable& parent) {
  std::vector<KeyReference> out;
  if (!parent.table.integer_key) return out;
  for (const Reference& reference : catalog.references) {
    if (reference.parent != parent.id || reference.parent_positions.size() != 1) continue;
    if (reference.parent_positions[0] != parent.table.key_positions.at(0)) continue;
    const TrackedTable* child = catalog.ById(reference.child);
    out.push_back({child, child->table.columns[reference.child_positions[0]]});
  }
  return out;
}

Result<std::vector<LostChild>> FindLostChildren(sqlite::Connection* db, const Catalog& catalog,
                                                const TrackedTable& parent, int64_t id, NodeId node,
                                                int64_t until_ms) {
  std::vector<LostChild> out;
  for (const KeyReference& reference : ReferencesTo(catalog, parent)) {
    const schema::Table& table = reference.child->table;
    HL_ASSIGN(
        auto list,
        db->PrepareCached(fmt::format(
            "SELECT {} FROM {} c JOIN {} v ON {} WHERE c.{} = ?1 AND v.n IN "
            "(SELECT n FROM __harmonylite__nodes WHERE node = ?2) AND v.hlc >> {} <= ?3",
            RowKey("c", table), sqlite::Quote(table.name),
            sqlite::Quote(VersionTableName(reference.child->id)), HiddenMatches("v", "c", table),
            sqlite::Quote(reference.column), kHlcCounterBits)));
    list->Bind(1, id);
    list->BindUInt(2, node.value);
    list->Bind(3, until_ms);
    HL_TRY(list->ForEachRow([&](const sqlite::Statement& row) {
      out.push_back({reference, row.Values(0)});
    }));
  }
  return out;
}

}  // namespace harmonylite::ledger
