#include <memory>
#include <utility>

#include "change/batch_grammar.h"
#include "change/batch_sink.h"
#include "change/cbor_writer.h"
#include "change/codec.h"

namespace harmonylite::change {

namespace {

// Numbers in front of a row's values: op, table, cover, stamp, lseq.
constexpr size_t kRowNumbers = 5;

// The difference modulo 2^64, as the decoder adds it again.
int64_t Delta(int64_t now, int64_t before) {
  return static_cast<int64_t>(static_cast<uint64_t>(now) - static_cast<uint64_t>(before));
}

Error Refused(const char* problem) {
  return MakeError(ErrorCode::kInvalidArgument, "cannot write a batch: {}", problem);
}

}  // namespace

struct BatchEncoder::Impl {
  struct Table {
    size_t columns;
    size_t key;
  };

  Impl(bool compress, Spool* out) : sink(compress, out) {}

  Status WriteHeader(const BatchHeader& header);
  Status WriteRetirements(const std::vector<Retirement>& retirements);
  Status WriteShape(const TableShape& shape);
  const char* RowProblem(const RowView& row, uint64_t* value_bytes) const;
  void RowHead(const RowView& row, CborWriter* writer) const;
  Status WriteLongRow(const RowView& row);

  // Writes `items` items of at most kMaxCborHead bytes each.
  template <typename Write>
  Status Put(size_t items, Write&& write) {
    char* room = sink.Room(items * kMaxCborHead);
    if (room == nullptr) return sink.status();
    CborWriter writer(room);
    write(writer);
    sink.Commit(writer.written());
    return Ok();
  }
  Status PutText(std::string_view text) {
    HL_TRY(Put(1, [&](CborWriter& w) { w.ValueHead(ValueView::Text(text)); }));
    return sink.Write(text);
  }

  BatchSink sink;
  size_t covers = 0;
  int64_t max_stamp = 0;
  std::vector<Table> tables;
  uint64_t names = 0;  // Cost of the names so far; see kMaxNames.
  // Stamp and lseq of the previous row, from which the next row's are encoded as differences.
  // Before the first row they come from the header.
  int64_t stamp = 0;
  int64_t lseq = 0;
  uint64_t rows = 0;
  bool finished = false;
};

BatchEncoder::BatchEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BatchEncoder::BatchEncoder(BatchEncoder&&) noexcept = default;
BatchEncoder& BatchEncoder::operator=(BatchEncoder&&) noexcept = default;
BatchEncoder::~BatchEncoder() = default;

uint64_t BatchEncoder::rows() const { return impl_->rows; }

Result<BatchEncoder> BatchEncoder::Begin(const BatchHeader& header, bool compress, Spool* out) {
  HL_CHECK(out->size() == 0);
  if (const char* problem = HeaderProblem(header)) return Refused(problem);
  auto impl = std::make_unique<Impl>(compress, out);
  HL_TRY(impl->WriteHeader(header));
  impl->covers = header.covers.size();
  impl->max_stamp = header.max_stamp.value;
  impl->stamp = header.max_stamp.value;
  impl->lseq = header.covers[0].from.value;
  return BatchEncoder(std::move(impl));
}

Status BatchEncoder::Impl::WriteHeader(const BatchHeader& header) {
  HL_TRY(Put(5, [&](CborWriter& w) {
    w.Array(header.retirements.empty() ? kHeaderFields : kLongHeaderFields);
    w.Uint(header.sender.node.value);
    w.Uint(header.sender.incarnation.value);
    w.Int(header.max_stamp.value);
    w.Array(header.covers.size());
  }));
  for (const Cover& cover : header.covers)
    HL_TRY(Put(1 + kCoverFields, [&](CborWriter& w) {
      w.Array(kCoverFields);
      w.Uint(cover.origin.node.value);
      w.Uint(cover.origin.incarnation.value);
      w.Int(cover.from.value);
      w.Int(cover.to.value);
    }));
  HL_TRY(Put(1, [&](CborWriter& w) { w.Array(header.seen.map().size()); }));
  for (const auto& [origin, seen] : header.seen.map())
    HL_TRY(Put(1 + kSeenFields, [&, origin = origin, seen = seen](CborWriter& w) {
      w.Array(kSeenFields);
      w.Uint(origin.node.value);
      w.Uint(origin.incarnation.value);
      w.Int(seen.value);
    }));
  if (!header.retirements.empty()) HL_TRY(WriteRetirements(header.retirements));
  sink.EndHeader();
  return Ok();
}

Status BatchEncoder::Impl::WriteRetirements(const std::vector<Retirement>& retirements) {
  HL_TRY(Put(1, [&](CborWriter& w) { w.Array(retirements.size()); }));
  for (const Retirement& one : retirements)
    HL_TRY(Put(1 + kRetirementFields, [&](CborWriter& w) {
      w.Array(kRetirementFields);
      w.Uint(one.origin.node.value);
      w.Uint(one.origin.incarnation.value);
      w.Int(one.last.value);
      w.Uint(one.by.node.value);
      w.Uint(one.by.incarnation.value);
      w.Int(one.at.value);
    }));
  return Ok();
}

Status BatchEncoder::AddTable(const TableShape& shape) {
  HL_CHECK(!impl_->finished);
  if (const char* problem = ShapeProblem(shape)) return Refused(problem);
  if (impl_->tables.size() >= kMaxTables) return Refused("it has too many tables");
  const uint64_t cost = NamesCost(shape);
  if (cost > kMaxNames - impl_->names) return Refused("its tables' names are too long");
  HL_TRY(impl_->WriteShape(shape));
  impl_->names += cost;
  impl_->tables.push_back({shape.columns.size(), shape.key.size()});
  return Ok();
}

Status BatchEncoder::Impl::WriteShape(const TableShape& shape) {
  const uint64_t op = shape.object.empty() ? kOpTable : kOpObject;
  HL_TRY(Put(1, [&](CborWriter& w) { w.Uint(op); }));
  if (op == kOpObject) HL_TRY(PutText(shape.object));
  HL_TRY(PutText(shape.name));
  HL_TRY(Put(1, [&](CborWriter& w) { w.Array(shape.columns.size()); }));
  for (const std::string& column : shape.columns) HL_TRY(PutText(column));
  HL_TRY(Put(1, [&](CborWriter& w) { w.Array(shape.key.size()); }));
  for (const uint32_t column : shape.key) HL_TRY(Put(1, [&](CborWriter& w) { w.Uint(column); }));
  HL_TRY(Put(1, [&](CborWriter& w) { w.Array(shape.collations.size()); }));
  for (const std::string& collation : shape.collations) HL_TRY(PutText(collation));
  return Ok();
}

const char* BatchEncoder::Impl::RowProblem(const RowView& row, uint64_t* value_bytes) const {
  if (row.table >= tables.size()) return "a row's table was not added before it";
  if (row.cover >= covers) return "a row names a cover that is not there";
  if (row.lseq < Lseq(0)) return "a row's lseq is negative";
  if (row.stamp.value > max_stamp) return "a row's stamp is greater than the batch's greatest";
  const Table& table = tables[row.table];
  if (row.values.size() != (row.deleted ? table.key : table.columns))
    return "a row's values are not as many as its table says";
  uint64_t sum = 0;
  for (const ValueView& value : row.values)
    if (CborWriter::HasBytes(value)) sum += value.bytes.size();
  if (sum > kMaxValueBytes) return "a row is larger than SQLite's limit";
  *value_bytes = sum;
  return nullptr;
}

void BatchEncoder::Impl::RowHead(const RowView& row, CborWriter* writer) const {
  writer->Uint(row.deleted ? kOpDeleted : kOpLive);
  writer->Uint(row.table);
  writer->Uint(row.cover);
  writer->Int(Delta(row.stamp.value, stamp));
  writer->Int(Delta(row.lseq.value, lseq));
}

Status BatchEncoder::AddRow(const RowView& row) {
  Impl& impl = *impl_;
  HL_CHECK(!impl.finished);
  uint64_t value_bytes = 0;
  if (const char* problem = impl.RowProblem(row, &value_bytes)) return Refused(problem);
  const uint64_t most = (kRowNumbers + row.values.size()) * kMaxCborHead + value_bytes;
  if (most <= BatchSink::kChunk / 2) [[likely]] {
    char* room = impl.sink.Room(most);
    if (room == nullptr) return impl.sink.status();
    CborWriter writer(room);
    impl.RowHead(row, &writer);
    for (const ValueView& value : row.values) writer.Value(value);
    impl.sink.Commit(writer.written());
  } else {
    HL_TRY(impl.WriteLongRow(row));
  }
  impl.stamp = row.stamp.value;
  impl.lseq = row.lseq.value;
  ++impl.rows;
  return Ok();
}

// Writes a row value by value, so that long values are not copied into the sink's chunk.
Status BatchEncoder::Impl::WriteLongRow(const RowView& row) {
  HL_TRY(Put(kRowNumbers, [&](CborWriter& w) { RowHead(row, &w); }));
  for (const ValueView& value : row.values) {
    HL_TRY(Put(1, [&](CborWriter& w) { w.ValueHead(value); }));
    if (CborWriter::HasBytes(value)) HL_TRY(sink.Write(value.bytes));
  }
  return Ok();
}

Status BatchEncoder::Finish() {
  HL_CHECK(!impl_->finished);
  impl_->finished = true;
  HL_TRY(impl_->Put(2, [&](CborWriter& w) {
    w.Uint(kOpEnd);
    w.Uint(impl_->rows);
  }));
  return impl_->sink.Finish();
}

}  // namespace harmonylite::change
