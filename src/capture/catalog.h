// Which tables are replicated here, under which number, and that their triggers are in place.
//
// A table keeps its number, and so its versions, when it is renamed or rebuilt.
// Threads: as hidden_tables.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "schema/schema.h"
#include "sqlite/connection.h"

namespace harmonylite::capture {

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

struct CatalogChange {
  std::string table;
  std::string what;  // for the operator
};

// Reads only. Tables whose triggers are not in place yet are left out, and `complete` says so.
Result<Catalog> LoadCatalog(sqlite::Connection* db, const schema::LoadOptions& options);

// A table whose rows may have changed while it had no triggers.
struct PendingAudit {
  int64_t table_id;
};

struct SyncResult {
  Catalog catalog;
  std::vector<CatalogChange> changes;
  std::vector<PendingAudit> audits;
};

// Brings hidden tables and triggers in line with the schema: new tables get a number, triggers that are
// missing or outdated are written. `first_attach`: rows that exist are from before HarmonyLite and keep
// version zero; later a new table's rows count as new writes. Needs a write transaction; the caller folds
// the journal and then runs the audits, in the same transaction.
Result<SyncResult> SyncCatalog(sqlite::Connection* db, const schema::LoadOptions& options,
                               bool first_attach);

// The two halves of auditing, before and after the caller folds the journal: first what the fold would make
// indistinguishable, then what changed unseen.
Status PrepareAudits(sqlite::Connection* db, const Clock& clock, Lseq folded_to,
                     const SyncResult& sync);
Status RunAudits(sqlite::Connection* db, const Clock& clock, SyncResult* sync);

}  // namespace harmonylite::capture
