// Applies batches inside the caller's write transaction: rows, versions and progress commit together (P3).
//
// Threads: as the connection; one owner at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apply/app_triggers.h"
#include "apply/table_writer.h"
#include "base/result.h"
#include "capture/catalog.h"
#include "capture/hidden_tables.h"
#include "change/codec.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

struct ApplyStats {
  int64_t rows = 0;       // in the batch
  int64_t won = 0;        // written here
  int64_t conflicts = 0;  // met a write that had not seen theirs, either way round
};

class Applier {
 public:
  // `db` is not owned and outlives the applier; its triggers and foreign keys are switched off.
  explicit Applier(sqlite::Connection* db);

  // Prepares for a (new) schema; the catalog is copied. Returns warnings for the operator.
  Result<std::vector<std::string>> SetCatalog(const capture::Catalog& catalog);

  // Everything of ours must be folded, and the batch must be applicable: no hole, its causes here.
  // On any error the transaction must be rolled back and nothing of the batch counts:
  // kSchemaMismatch: a table differs; hold. kConflict: a UNIQUE or other constraint of this node refuses
  // a row; hold. kCorruption: the batch's bytes are bad; repair. kRetryLater: disk or memory.
  // `progress`: what is applied here before it; newly met origins are added to `origins`.
  Result<ApplyStats> Apply(change::BatchDecoder* batch, const capture::State& state,
                           const change::ProgressVector& progress,
                           capture::OriginTable* origins);

 private:
  struct Target {
    TableWriter* writer;
    std::vector<uint32_t> column_order;  // ours → theirs
  };
  struct Deferred {
    TableWriter* writer;
    change::Row image;
  };
  struct Context;

  Result<Target> Resolve(const change::TableShape& shape);
  Status ApplyRow(const change::RowView& row, Context* context);
  Status Show(TableWriter* writer, std::span<const change::ValueView> image, Context* context);
  Status ShowDeferred(Context* context);

  sqlite::Connection* db_;
  capture::Catalog catalog_;
  AppTriggers app_triggers_;
  std::map<int64_t, TableWriter> writers_;  // by TrackedTable id; made when first needed
  std::vector<change::ValueView> image_;    // of the row at hand, in our column order
  std::vector<change::ValueView> key_;
};

}  // namespace harmonylite::apply
