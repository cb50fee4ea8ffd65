// Which tables are replicated here, and under which number: values. capture/catalog_sync.h reads and keeps them.
//
// A table keeps its number, and so its versions, when it is renamed or rebuilt.
// Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/schema.h"

namespace harmonylite::ledger {

struct TrackedTable {
  int64_t id = 0;  // journal column tbl; version table __harmonylite__v<id>
  schema::Table table;
  bool has_shadow_table = false;  // see shadows.h
  bool had_rows = false;  // there may be rows of version zero
  bool hides_orphans = false;  // it has foreign keys, and rows without a parent are hidden
  bool in_references = false;  // then: it is on either side of a reference (see references.h)
};

// A foreign key between two tables that are replicated here. Others are not judged: their parents are not part
// of the replicated state.
struct Reference {
  int64_t child = 0;   // TrackedTable ids
  int64_t parent = 0;
  std::vector<uint32_t> child_positions;   // in the child's columns
  std::vector<uint32_t> parent_positions;  // in the parent's, alike
  std::vector<std::string> collations;     // of the parent's
  bool alike = false;   // see schema::ForeignKey
  bool to_key = false;  // names the parent by its row key
  // The children of one parent are found through an index.
  bool indexed = false;
  size_t foreign_key = 0;  // which of the child's
};

struct Catalog {
  int64_t schema_version = -1;
  std::vector<TrackedTable> tables;
  std::vector<schema::SkippedTable> skipped;
  // False while a table that is to be replicated has no triggers: entries must not be passed over then.
  bool complete = true;
  std::vector<Reference> references;
  bool hide_orphans = false;  // rows without a parent are not in their tables

  const TrackedTable* ById(int64_t id) const;
  const TrackedTable* ByName(std::string_view name) const;
};

}  // namespace harmonylite::ledger
