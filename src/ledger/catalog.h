// The catalog: which tables are replicated on this node, under which numbers, and which foreign
// keys connect them. It is a value; capture/catalog_sync.h reads it from a file and keeps the file
// in line with the schema.
//
// A table keeps its number, and so its versions, when it is renamed or rebuilt.
// Threads: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/schema.h"

namespace harmonylite::ledger {

struct TrackedTable {
  int64_t id = 0;  // the table's number: `tbl` in the journal, and <tbl> in __harmonylite__v<tbl>
  schema::Table table;
  bool has_shadow_table = false;  // true if the table __harmonylite__s<tbl> exists (shadows.h)
  bool had_rows = false;          // true if rows from before HarmonyLite may have no version
  bool hides_orphans = false;     // true if the table has foreign keys and its orphans are hidden
  // True if orphans are hidden and the table is the child or the parent of a reference
  // (references.h).
  bool in_references = false;
};

// A foreign key between two tables that are replicated here. Other foreign keys are not judged,
// because their parents are not part of the replicated state.
struct Reference {
  int64_t child = 0;                       // TrackedTable::id of the table with the foreign key
  int64_t parent = 0;                      // TrackedTable::id of the table that it refers to
  std::vector<uint32_t> child_positions;   // where the referring columns are in the child
  std::vector<uint32_t> parent_positions;  // where the referred columns are in the parent
  std::vector<std::string> collations;     // collations of the parent's columns
  bool alike = false;                      // schema::ForeignKey::alike
  bool to_key = false;                     // true if the parent is named by its row key
  bool indexed = false;    // true if an index of the child finds the children of one parent
  size_t foreign_key = 0;  // position of the foreign key in the child's Table::foreign_keys
};

struct Catalog {
  int64_t schema_version = -1;  // PRAGMA schema_version that the catalog was read at; -1: none
  std::vector<TrackedTable> tables;
  std::vector<schema::SkippedTable> skipped;
  // False while a table that is to be replicated lacks its triggers, or rows without a key cannot
  // be told apart. Such a table is not in `tables`, and reading the journal with this catalog would
  // pass over its entries.
  bool complete = true;
  std::vector<Reference> references;
  bool hide_orphans = false;  // true if orphans are taken out of their tables

  const TrackedTable* ById(int64_t id) const;
  const TrackedTable* ByName(std::string_view name) const;
};

}  // namespace harmonylite::ledger
