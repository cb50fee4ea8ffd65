// Any batch that is written, stored or compressed, is read back unchanged.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <set>

#include "change/batch_test_util.h"

namespace harmonylite::change {
namespace {

// Byte strings of lengths at which an item's head or a buffer's state changes, and arbitrary ones.
rc::Gen<std::string> AnyBytes() {
  return rc::gen::oneOf(rc::gen::arbitrary<std::string>(),
                        rc::gen::map(rc::gen::pair(rc::gen::element(0, 1, 23, 24, 255, 256, 511,
                                                                    65535, 65536, 140000),
                                                   rc::gen::arbitrary<char>()),
                                     [](const std::pair<int, char>& p) {
                                       return std::string(static_cast<size_t>(p.first), p.second);
                                     }));
}

rc::Gen<int64_t> AnyInteger() {
  return rc::gen::oneOf(
      rc::gen::arbitrary<int64_t>(),
      rc::gen::map(rc::gen::inRange(0, 64),
                   [](int shift) { return std::bit_cast<int64_t>(uint64_t{1} << shift); }),
      rc::gen::element(INT64_MIN, INT64_MAX, int64_t{-1}, int64_t{23}));
}

Value AnyValue() {
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return Value();
    case 1:
      return Value(ValueView::Integer(*AnyInteger()));
    // Reals take every pattern of bits, NaNs included.
    case 2:
      return Value(ValueView::Real(std::bit_cast<double>(*AnyInteger())));
    case 3: {
      const std::string bytes = *AnyBytes();
      return Value(ValueView::Text(bytes));
    }
    default: {
      const std::string bytes = *AnyBytes();
      return Value(ValueView::Blob(bytes));
    }
  }
}

Origin AnyOrigin() {
  return {NodeId(*rc::gen::arbitrary<uint64_t>()), Incarnation(*rc::gen::arbitrary<uint32_t>())};
}

int64_t FromTo(int64_t least, int64_t most) {
  return std::min(most, std::max(least, *AnyInteger()));
}

BatchHeader AnyHeader() {
  BatchHeader header;
  header.sender = AnyOrigin();
  header.max_stamp = Hlc(*AnyInteger());
  std::set<Origin> origins;
  for (int i = *rc::gen::inRange(1, 6); i > 0; --i) origins.insert(AnyOrigin());
  for (const Origin& origin : origins) {
    const Lseq from(FromTo(0, INT64_MAX));
    header.covers.push_back({origin, from, Lseq(FromTo(from.value, INT64_MAX))});
  }
  for (int i = *rc::gen::inRange(0, 6); i > 0; --i)
    header.seen.Advance(AnyOrigin(), Lseq(FromTo(0, INT64_MAX)));
  return header;
}

TableShape AnyShape() {
  TableShape shape;
  shape.name = *AnyBytes();
  shape.columns = *rc::gen::resize(8, rc::gen::nonEmpty<std::vector<std::string>>());
  const auto columns = static_cast<uint32_t>(shape.columns.size());
  const uint32_t first = *rc::gen::inRange(0u, columns);
  const uint32_t count = *rc::gen::inRange(1u, columns + 1);
  for (uint32_t i = 0; i < count; ++i) {
    shape.key.push_back((first + i) % columns);
    shape.collations.push_back(*rc::gen::arbitrary<std::string>());
  }
  return shape;
}

PlainRow AnyRow(const BatchHeader& header, const std::vector<TableShape>& shapes) {
  PlainRow row;
  row.table = *rc::gen::inRange(0u, static_cast<uint32_t>(shapes.size()));
  row.cover = *rc::gen::inRange(0u, static_cast<uint32_t>(header.covers.size()));
  row.stamp = Hlc(FromTo(INT64_MIN, header.max_stamp.value));
  row.lseq = Lseq(FromTo(0, INT64_MAX));
  row.deleted = *rc::gen::arbitrary<bool>();
  const TableShape& shape = shapes[row.table];
  const size_t count = row.deleted ? shape.key.size() : shape.columns.size();
  for (size_t i = 0; i < count; ++i) row.values.push_back(AnyValue());
  return row;
}

PlainBatch AnyBatch() {
  PlainBatch batch;
  batch.header = AnyHeader();
  std::vector<TableShape> shapes;
  for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
    if (shapes.empty() || *rc::gen::inRange(0, 6) == 0) {
      shapes.push_back(AnyShape());
      batch.items.emplace_back(shapes.back());
    } else {
      batch.items.emplace_back(AnyRow(batch.header, shapes));
    }
  }
  return batch;
}

RC_GTEST_PROP(CodecProperty, AnyBatchIsReadAsItWasWritten, ()) {
  const PlainBatch batch = AnyBatch();
  Spool spool = MakeSpool();
  const Status written = Encode(batch, *rc::gen::arbitrary<bool>(), &spool);
  RC_ASSERT(written.ok());
  const Result<PlainBatch> back = Decode(spool);
  RC_ASSERT(back.ok());
  RC_ASSERT(*back == batch);
}

// Equal batches have equal bytes, on every node.
RC_GTEST_PROP(CodecProperty, WhatWasReadIsWrittenAsItWas, ()) {
  Spool first = MakeSpool();
  RC_ASSERT(Encode(AnyBatch(), false, &first).ok());
  const Result<PlainBatch> back = Decode(first);
  RC_ASSERT(back.ok());
  Spool second = MakeSpool();
  RC_ASSERT(Encode(*back, false, &second).ok());
  RC_ASSERT(BytesOf(first) == BytesOf(second));
}

RC_GTEST_PROP(CodecProperty, AFrameGivesBackItsHeaderAndBody, ()) {
  FrameHeader header;
  header.sender = AnyOrigin();
  header.attempt = *rc::gen::arbitrary<uint64_t>();
  header.count = *rc::gen::inRange(1u, 1000u);
  header.index = *rc::gen::inRange(0u, header.count);
  header.to = Lseq(FromTo(0, INT64_MAX));
  header.to_stamp = Hlc(*AnyInteger());
  const std::string body = "x" + *AnyBytes();
  header.batch_bytes = body.size();
  if (header.count > 1) header.batch_bytes += header.count + *rc::gen::inRange(0u, 100'000u);
  header.batch_checksum = *rc::gen::arbitrary<uint64_t>();
  const std::string record = EncodeFrame(header, body);
  RC_ASSERT(record.size() <= body.size() + kMaxFrameOverhead);
  const Result<FrameView> frame = DecodeFrame(record);
  RC_ASSERT(frame.ok());
  RC_ASSERT(frame->header == header);
  RC_ASSERT(frame->body == body);
}

// Changes, cuts or repeats bytes somewhere.
std::string AnyDamage(std::string bytes) {
  const size_t at = *rc::gen::inRange<size_t>(0, bytes.size());
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ *rc::gen::inRange(1, 256));
      break;
    case 1:
      bytes.resize(at);
      break;
    case 2:
      bytes.insert(at, bytes.substr(at / 2, *rc::gen::inRange<size_t>(1, 20)));
      break;
    default:
      bytes.erase(at, *rc::gen::inRange<size_t>(1, 20));
  }
  return bytes;
}

// Damage gives an error or another valid batch: never a crash, and never a batch that cannot be
// written again.
RC_GTEST_PROP(CodecProperty, DamagedBatchesAreRefusedOrMeanSomething, ()) {
  Spool spool = MakeSpool();
  RC_ASSERT(Encode(AnyBatch(), *rc::gen::arbitrary<bool>(), &spool).ok());
  const Result<PlainBatch> back = Decode(SpoolOf(AnyDamage(BytesOf(spool))));
  if (back.ok()) {
    Spool again = MakeSpool();
    RC_ASSERT(Encode(*back, false, &again).ok());
  } else {
    RC_ASSERT(back.error().code() == ErrorCode::kCorruption ||
              back.error().code() == ErrorCode::kInvalidArgument);
    RC_ASSERT(!back.error().message().empty());
  }
}

// The checksum detects every damage of a frame.
RC_GTEST_PROP(CodecProperty, DamagedFramesAreRefused, ()) {
  FrameHeader header;
  header.sender = AnyOrigin();
  header.count = 1;
  const std::string body = "x" + *AnyBytes();
  header.batch_bytes = body.size();
  const std::string record = EncodeFrame(header, body);
  const std::string damaged = AnyDamage(record);
  if (damaged == record) return;
  const Result<FrameView> frame = DecodeFrame(damaged);
  RC_ASSERT(!frame.ok());
  RC_ASSERT(frame.error().code() == ErrorCode::kCorruption);
}

}  // namespace
}  // namespace harmonylite::change
