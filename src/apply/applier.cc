#include "apply/applier.h"

#include <algorithm>

#include "capture/journal.h"
#include "merge/resolve.h"
#include "schema/schema.h"
#include "sqlite/identifier.h"

namespace harmonylite::apply {

namespace {

using change::BatchDecoder;
using change::RowView;
using change::TableShape;
using change::ValueView;
using change::Version;

// Rows of one batch that wait for another row of it to let go of a unique value.
constexpr size_t kMaxDeferred = 100'000;

}  // namespace

struct Applier::Context {
  const change::BatchHeader& header;
  const change::ProgressVector& progress;
  const capture::OriginTable& origins;
  std::vector<capture::OriginIndex> covers;  // header.covers, as indices here
  std::vector<Target> tables;
  std::vector<Deferred> deferred;
  ApplyStats stats;
};

Applier::Applier(sqlite::Connection* db) : db_(db) {
  db_->EnableTriggers(false);
  db_->EnableForeignKeys(false);
}

Result<std::vector<std::string>> Applier::SetCatalog(const capture::Catalog& catalog) {
  writers_.clear();
  catalog_ = catalog;
  HL_ASSIGN(app_triggers_, InstallAppTriggers(db_, catalog_));
  return app_triggers_.warnings;
}

Result<Applier::Target> Applier::Resolve(const TableShape& shape) {
  const capture::TrackedTable* tracked = catalog_.ByName(shape.name);
  if (tracked == nullptr)
    return MakeError(ErrorCode::kSchemaMismatch, "table {} does not exist here", shape.name);
  const TableShape ours = tracked->table.Shape();
  if (const auto difference = schema::Difference(ours, shape))
    return MakeError(ErrorCode::kSchemaMismatch, "table {}: {}", shape.name, *difference);
  auto it = writers_.find(tracked->id);
  if (it == writers_.end()) {
    HL_ASSIGN(TableWriter writer,
              TableWriter::Make(db_, *tracked,
                                app_triggers_.tables_with_triggers.contains(tracked->id)));
    it = writers_.emplace(tracked->id, std::move(writer)).first;
  }
  Target target{&it->second, {}};
  for (const std::string& column : ours.columns) {
    const auto at = std::find_if(shape.columns.begin(), shape.columns.end(),
                                 [&](const std::string& c) { return sqlite::SameName(c, column); });
    target.column_order.push_back(static_cast<uint32_t>(at - shape.columns.begin()));
  }
  return target;
}

Result<ApplyStats> Applier::Apply(BatchDecoder* batch, const capture::State& state,
                                  const change::ProgressVector& progress,
                                  capture::OriginTable* origins) {
  Context context{batch->header(), progress, *origins, {}, {}, {}, {}};
  for (const change::Cover& cover : context.header.covers) {
    HL_ASSIGN(const capture::OriginIndex index, origins->IndexOf(db_, cover.origin));
    context.covers.push_back(index);
  }
  while (true) {
    HL_ASSIGN(BatchDecoder::Item item, batch->Next());
    if (std::holds_alternative<BatchDecoder::End>(item)) break;
    if (const auto* shape = std::get_if<TableShape>(&item)) {
      HL_ASSIGN(Target target, Resolve(*shape));
      context.tables.push_back(std::move(target));
      continue;
    }
    HL_TRY(ApplyRow(std::get<RowView>(item), &context));
  }
  HL_TRY(ShowDeferred(&context));
  HL_TRY(capture::RaiseClock(db_, context.header.max_stamp));
  for (size_t i = 0; i < context.covers.size(); ++i)
    if (context.header.covers[i].origin != state.self)
      HL_TRY(capture::SaveProgress(db_, context.covers[i], context.header.covers[i].to));
  return context.stats;
}

Status Applier::ApplyRow(const RowView& row, Context* context) {
  const Target& target = context->tables[row.table];
  const schema::Table& table = target.writer->table();
  key_.clear();
  image_.clear();
  if (row.deleted) {
    key_.assign(row.values.begin(), row.values.end());
  } else {
    for (const uint32_t theirs : target.column_order) image_.push_back(row.values[theirs]);
    for (const uint32_t position : table.key_positions) key_.push_back(image_[position]);
  }
  for (const ValueView& value : key_)
    if (value.type == change::ValueType::kNull)
      return MakeError(ErrorCode::kCorruption, "a row of table {} has NULL in its key", table.name);

  ++context->stats.rows;
  const StoredVersion incoming{row.stamp, context->covers[row.cover], row.lseq, row.deleted,
                               row.deleted ? 0 : capture::HashImage(table, image_)};
  HL_ASSIGN(const bool is_new, target.writer->AddVersion(key_, incoming));
  if (!is_new) {
    HL_ASSIGN(const auto found, target.writer->FindVersion(key_));
    HL_CHECK(found.has_value());
    HL_ASSIGN(const Origin origin, context->origins.At(found->origin));
    const Version version{row.stamp, context->header.covers[row.cover].origin};
    const merge::Decision decision =
        merge::Resolve(merge::LocalVersion{{found->stamp, origin}, found->lseq}, version,
                       context->header.seen,
                       context->progress.Covers(version.origin, row.lseq));
    if (decision.outcome == merge::Outcome::kSame) return Ok();
    context->stats.conflicts += decision.concurrent;
    if (decision.outcome == merge::Outcome::kLocalWins) return Ok();
    HL_TRY(target.writer->ReplaceVersion(key_, incoming));
  }
  ++context->stats.won;
  return row.deleted ? target.writer->DeleteRow(key_) : Show(target.writer, image_, context);
}

// A batch may hand unique values from row to row: a row whose values are still taken steps aside until
// the others are in place.
Status Applier::Show(TableWriter* writer, std::span<const ValueView> image, Context* context) {
  Status put = writer->PutRow(image);
  if (put.ok() || put.error().code() != ErrorCode::kConflict || !db_->constraint_was_unique())
    return put;
  if (context->deferred.size() >= kMaxDeferred) return put;
  std::vector<ValueView> key;
  for (const uint32_t position : writer->table().key_positions) key.push_back(image[position]);
  HL_TRY(writer->DeleteRow(key));
  Deferred deferred{writer, {}};
  for (const ValueView& value : image) deferred.image.emplace_back(value);
  context->deferred.push_back(std::move(deferred));
  return Ok();
}

Status Applier::ShowDeferred(Context* context) {
  for (const Deferred& deferred : context->deferred) {
    const std::vector<ValueView> image(deferred.image.begin(), deferred.image.end());
    // Should a key come twice in a batch, then with the same image: showing it again changes nothing.
    if (Status put = deferred.writer->PutRow(image); !put.ok())
      return std::move(put).error().Wrap("table " + deferred.writer->table().name);
  }
  return Ok();
}

}  // namespace harmonylite::apply
