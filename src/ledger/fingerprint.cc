#include "ledger/fingerprint.h"

#include <algorithm>
#include <string>
#include <vector>

#include "change/row_hash.h"
#include "schema/definition.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

uint64_t SchemaFingerprint(const Catalog& catalog) {
  uint64_t sum = kNoTables;
  for (const TrackedTable& tracked : catalog.tables) {
    if (tracked.table.name == schema::kSchemaTable) continue;
    std::vector<std::string> columns;
    for (const std::string& name : tracked.table.columns) columns.push_back(sqlite::FoldCase(name));
    std::sort(columns.begin(), columns.end());
    std::string text = sqlite::FoldCase(tracked.table.name);
    for (const std::string& name : columns) text += '\0' + name;
    text += '\0';
    for (const schema::KeyColumn& key : tracked.table.key)
      text += '\0' + sqlite::FoldCase(key.name) + '\0' + sqlite::FoldCase(key.collation);
    sum += change::ColumnSeed(text);
  }
  return sum;
}

uint64_t UniquesFingerprint(const schema::Table& table) {
  uint64_t sum = 0;
  for (const schema::UniqueIndex& index : table.unique_indexes) {
    std::string text = index.where_sql;
    for (const schema::IndexTerm& term : index.terms)
      text += '\0' + sqlite::FoldCase(term.sql) + '\0' + sqlite::FoldCase(term.collation);
    sum += change::ColumnSeed(text);
  }
  return sum;
}

// One look at all texts: a search for each table's would read the whole schema each time.
Result<Definitions> LoadDefinitions(sqlite::Connection* db, const Catalog& catalog) {
  std::map<std::string, std::string> texts;
  HL_ASSIGN(auto list,
            db->PrepareCached("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"));
  HL_TRY(list->ForEachRow([&](const sqlite::Statement& row) {
    texts.emplace(sqlite::FoldCase(row.Text(0)), row.Text(1));
  }));
  Definitions out;
  for (const TrackedTable& tracked : catalog.tables) {
    HL_ASSIGN(out[tracked.id],
              schema::DefinitionOf(db, tracked.table, texts[sqlite::FoldCase(tracked.table.name)]));
  }
  return out;
}

uint64_t DefinitionsFingerprint(const Catalog& catalog, const Definitions& definitions) {
  uint64_t sum = kNoTables;
  for (const TrackedTable& tracked : catalog.tables)
    if (tracked.table.name != schema::kSchemaTable)
      sum += change::MixHashes(change::ColumnSeed(sqlite::FoldCase(tracked.table.name)),
                               definitions.at(tracked.id));
  return sum;
}

}  // namespace harmonylite::ledger
