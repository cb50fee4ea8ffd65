#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "change/batch_grammar.h"
#include "change/batch_source.h"
#include "change/cbor_reader.h"
#include "change/codec.h"

namespace harmonylite::change {

namespace {

// Adds modulo 2^64: the numbers come off the wire, and signed overflow would be undefined.
int64_t Add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

bool ReadOrigin(CborReader* in, Origin* out) {
  return in->Uint(&out->node.value) && in->Uint32(&out->incarnation.value);
}

// Reads the head of an array whose length the grammar fixes.
bool Fields(CborReader* in, uint64_t count) {
  uint64_t found = 0;
  return in->Array(count, &found) && (found == count || in->Fail("an array is too short"));
}

bool ReadCovers(CborReader* in, std::vector<Cover>* covers) {
  uint64_t count = 0;
  if (!in->Array(kMaxOrigins, &count)) return false;
  // `count` is only a claim, so memory grows with the entries that are really there.
  for (uint64_t i = 0; i < count; ++i) {
    Cover cover;
    if (!Fields(in, kCoverFields) || !ReadOrigin(in, &cover.origin) ||
        !in->Int(&cover.from.value) || !in->Int(&cover.to.value))
      return false;
    covers->push_back(cover);
  }
  return true;
}

bool ReadSeen(CborReader* in, ProgressVector* seen) {
  uint64_t count = 0;
  if (!in->Array(kMaxOrigins, &count)) return false;
  Origin before;
  for (uint64_t i = 0; i < count; ++i) {
    Origin origin;
    Lseq lseq;
    if (!Fields(in, kSeenFields) || !ReadOrigin(in, &origin) || !in->Int(&lseq.value)) return false;
    if (i > 0 && origin <= before) return in->Fail("its progress is not in order of origins");
    // ProgressVector::Advance would silently ignore a negative lseq.
    if (lseq < Lseq(0)) return in->Fail("a progress is negative");
    seen->Advance(origin, lseq);
    before = origin;
  }
  return true;
}

bool ReadRetirements(CborReader* in, std::vector<Retirement>* retirements) {
  uint64_t count = 0;
  if (!in->Array(kMaxOrigins, &count)) return false;
  if (count == 0) return in->Fail("its list of retirements is empty");
  for (uint64_t i = 0; i < count; ++i) {
    Retirement one;
    if (!Fields(in, kRetirementFields) || !ReadOrigin(in, &one.origin) ||
        !in->Int(&one.last.value) || !ReadOrigin(in, &one.by) || !in->Int(&one.at.value))
      return false;
    if (i > 0 && one <= retirements->back()) return in->Fail("its retirements are not in order");
    retirements->push_back(one);
  }
  return true;
}

bool ReadHeader(CborReader* in, BatchHeader* header) {
  *header = {};
  uint64_t fields = 0;
  if (!in->Array(kLongHeaderFields, &fields)) return false;
  if (fields < kHeaderFields) return in->Fail("an array is too short");
  if (!ReadOrigin(in, &header->sender) || !in->Int(&header->max_stamp.value) ||
      !ReadCovers(in, &header->covers) || !ReadSeen(in, &header->seen))
    return false;
  if (fields == kLongHeaderFields && !ReadRetirements(in, &header->retirements)) return false;
  const char* problem = HeaderProblem(*header);
  return problem == nullptr || in->Fail(problem);
}

bool ReadNames(CborReader* in, uint64_t max_count, std::vector<std::string>* names) {
  uint64_t count = 0;
  if (!in->Array(max_count, &count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    std::string_view name;
    if (!in->Charge(kNameCost) || !in->Text(&name)) return false;
    names->emplace_back(name);
  }
  return true;
}

bool ReadShape(CborReader* in, bool is_object, TableShape* shape) {
  std::string_view name;
  if (is_object) {
    if (!in->Charge(kNameCost) || !in->Text(&name)) return false;
    shape->object = name;
    if (name.empty()) return in->Fail("a table has an empty identity");
  }
  if (!in->Charge(kNameCost) || !in->Text(&name)) return false;
  shape->name = name;
  if (!ReadNames(in, kMaxColumns, &shape->columns)) return false;
  uint64_t count = 0;
  if (!in->Array(shape->columns.size(), &count)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    uint32_t column = 0;
    if (!in->Uint32(&column)) return false;
    shape->key.push_back(column);
  }
  if (!ReadNames(in, count, &shape->collations)) return false;
  const char* problem = ShapeProblem(*shape);
  return problem == nullptr || in->Fail(problem);
}

}  // namespace

struct BatchDecoder::Impl {
  struct Table {
    size_t columns;
    size_t key;
  };

  explicit Impl(BatchSource from) : source(std::move(from)) {}

  template <typename Parse>
  Status ReadItem(uint64_t max_string_bytes, Parse&& parse);
  bool ReadRow(CborReader* in, bool deleted, RowView* row);
  Result<Item> NextItem();
  Result<Item> NextTable(bool is_object);
  Status ReadEnd();

  BatchSource source;
  BatchHeader header;
  std::vector<Table> tables;
  uint64_t names = 0;  // Cost of the names so far; see kMaxNames.
  // Values of the row that Next returned; as long as the widest table has columns.
  std::vector<ValueView> values;
  int64_t stamp = 0;  // Stamp of the previous row, from which the next one is a step.
  int64_t lseq = 0;
  uint64_t rows = 0;
  bool over = false;  // Set after End and after an error.
};

BatchDecoder::BatchDecoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BatchDecoder::BatchDecoder(BatchDecoder&&) noexcept = default;
BatchDecoder& BatchDecoder::operator=(BatchDecoder&&) noexcept = default;
BatchDecoder::~BatchDecoder() = default;

const BatchHeader& BatchDecoder::header() const { return impl_->header; }

// Runs `parse` on the window. If the item does not end within the window, it is lengthened and
// `parse` starts over.
template <typename Parse>
Status BatchDecoder::Impl::ReadItem(uint64_t max_string_bytes, Parse&& parse) {
  for (;;) {
    CborReader reader(source.window(), max_string_bytes);
    if (parse(&reader)) [[likely]] {
      source.Consume(reader.consumed());
      return Ok();
    }
    if (reader.missing() == 0)
      return MakeError(ErrorCode::kCorruption, "a batch is damaged: after {} rows: {}", rows,
                       reader.fault());
    HL_TRY(source.Fill(reader.missing()));
  }
}

Result<BatchDecoder> BatchDecoder::Begin(const Spool* in) {
  HL_ASSIGN(BatchSource source, BatchSource::Open(in));
  auto impl = std::make_unique<Impl>(std::move(source));
  HL_TRY(impl->ReadItem(0, [&](CborReader* reader) { return ReadHeader(reader, &impl->header); }));
  impl->stamp = impl->header.max_stamp.value;
  impl->lseq = impl->header.covers[0].from.value;
  return BatchDecoder(std::move(impl));
}

// Reads a row. Its stamp and lseq are encoded as differences from the previous row's.
bool BatchDecoder::Impl::ReadRow(CborReader* in, bool deleted, RowView* row) {
  int64_t stamp_step = 0;
  int64_t lseq_step = 0;
  if (!in->Uint32(&row->table) || !in->Uint32(&row->cover) || !in->Int(&stamp_step) ||
      !in->Int(&lseq_step))
    return false;
  if (row->table >= tables.size()) return in->Fail("a row names a table that is not there");
  if (row->cover >= header.covers.size()) return in->Fail("a row names a cover that is not there");
  row->stamp = Hlc(Add(stamp, stamp_step));
  row->lseq = Lseq(Add(lseq, lseq_step));
  if (row->lseq < Lseq(0)) return in->Fail("a row's lseq is negative");
  if (row->stamp > header.max_stamp)
    return in->Fail("a row's stamp is greater than the batch's greatest");
  row->deleted = deleted;
  const Table& table = tables[row->table];
  const size_t count = deleted ? table.key : table.columns;
  for (size_t i = 0; i < count; ++i)
    if (!in->Value(&values[i])) return false;
  row->values = {values.data(), count};
  return true;
}

Result<BatchDecoder::Item> BatchDecoder::Next() {
  if (impl_->over)
    return Error(ErrorCode::kInvalidArgument, "a batch was read past its end or past an error");
  Result<Item> item = impl_->NextItem();
  if (!item.ok() || std::holds_alternative<End>(*item)) [[unlikely]]
    impl_->over = true;
  return item;
}

Result<BatchDecoder::Item> BatchDecoder::Impl::NextItem() {
  RowView row;
  uint64_t op = 0;
  HL_TRY(ReadItem(kMaxValueBytes, [&](CborReader* in) {
    if (!in->Uint(kOpObject, "an item is of an unknown kind", &op)) return false;
    if (op != kOpLive && op != kOpDeleted) return true;
    return ReadRow(in, op == kOpDeleted, &row);
  }));
  if (op == kOpTable || op == kOpObject) return NextTable(op == kOpObject);
  if (op == kOpEnd) {
    HL_TRY(ReadEnd());
    return Item(End{rows});
  }
  stamp = row.stamp.value;
  lseq = row.lseq.value;
  ++rows;
  return Item(row);
}

Result<BatchDecoder::Item> BatchDecoder::Impl::NextTable(bool is_object) {
  if (tables.size() >= kMaxTables)
    return Error(ErrorCode::kCorruption, "a batch is damaged: it has too many tables");
  TableShape shape;
  HL_TRY(ReadItem(kMaxNames - names, [&](CborReader* in) {
    shape = {};
    return ReadShape(in, is_object, &shape);
  }));
  names += NamesCost(shape);
  tables.push_back({shape.columns.size(), shape.key.size()});
  if (values.size() < shape.columns.size()) values.resize(shape.columns.size());
  return Item(std::move(shape));
}

Status BatchDecoder::Impl::ReadEnd() {
  uint64_t claimed = 0;
  HL_TRY(ReadItem(0, [&](CborReader* in) { return in->Uint(&claimed); }));
  if (claimed != rows)
    return MakeError(ErrorCode::kCorruption, "a batch is damaged: it ends after {} rows, not {}",
                     rows, claimed);
  HL_ASSIGN(const bool clean, source.AtEnd());
  if (!clean) return Error(ErrorCode::kCorruption, "a batch is damaged: something follows its end");
  return Ok();
}

}  // namespace harmonylite::change
