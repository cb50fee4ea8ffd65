#include "ledger/fingerprint.h"

#include <algorithm>
#include <string>
#include <vector>

#include "change/row_hash.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

uint64_t SchemaFingerprint(const Catalog& catalog) {
  uint64_t sum = kNoTables;
  for (const TrackedTable& tracked : catalog.tables) {
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

}  // namespace harmonylite::ledger
