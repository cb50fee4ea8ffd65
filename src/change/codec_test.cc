// Tests that what is written is read back, and that the encoded bytes do not change by accident.
#include "change/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "change/batch_grammar.h"
#include "change/batch_sink.h"
#include "change/batch_test_util.h"
#include "change/row_hash.h"
#include "support/result_matchers.h"

namespace harmonylite::change {
namespace {

// The encoding of SmallBatch(), item by item. docs/formats/batch.md shows the same bytes.
constexpr std::string_view kGoldenBatch =
    "02 00 85 01 07 1903e8"
    "82 84 01 07 0a 0c 84 1bffffffffffffffff 1affffffff 00 01"
    "82 83 01 07 0a 83 1bffffffffffffffff 1affffffff 00"
    "01 6174 83 616b 6176 6177 82 01 00 82 6642494e415259 664e4f43415345"
    "02 00 00 29 01 20 636100ff f6"
    "03 00 00 0a 01 fb8000000000000000 40"
    "02 00 01 3903e4 2a 3b7fffffffffffffff 1b7fffffffffffffff 420102"
    "00 03";

PlainBatch OneTable(int64_t max_lseq) {
  PlainBatch batch = SmallBatch();
  batch.header.covers = {{batch.header.sender, Lseq(0), Lseq(max_lseq)}};
  batch.items.clear();
  batch.items.emplace_back(TableShape{"t", {"id", "body"}, {0}, {"BINARY"}, "t#2"});
  return batch;
}

PlainRow BlobRow(int64_t lseq, const std::string& blob) {
  return {0,          0,     Hlc(1),
          Lseq(lseq), false, {Value(ValueView::Integer(lseq)), Value(ValueView::Blob(blob))}};
}

std::string RandomBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

TEST(Codec, BytesAreGolden) {
  Spool spool = MakeSpool();
  ASSERT_OK(Encode(SmallBatch(), /*compress=*/false, &spool));
  EXPECT_EQ(Hex(BytesOf(spool)), Hex(Unhex(kGoldenBatch)));
}

TEST(Codec, ATableSaysWhichObjectItIs) {
  PlainBatch batch = OneTable(1);
  batch.items.front() = TableShape{"t", {"id"}, {0}, {"BINARY"}, "t#2"};
  Spool spool = MakeSpool();
  ASSERT_OK(Encode(batch, /*compress=*/false, &spool));
  EXPECT_NE(Hex(BytesOf(spool)).find("0463742332617481626964"), std::string::npos)
      << Hex(BytesOf(spool));
}

// SmallBatch() covers the changes 11 and 12 of its sender.
PlainBatch BatchWith(const Retirement& retirement) {
  PlainBatch batch = SmallBatch();
  batch.header.retirements = {retirement};
  return batch;
}

TEST(Codec, RetirementsAreReadBack) {
  const Origin sender = SmallBatch().header.sender;
  const PlainBatch batch = BatchWith({{NodeId(9), Incarnation(4)}, Lseq(3), sender, Lseq(12)});
  Spool spool = MakeSpool();
  ASSERT_OK(Encode(batch, /*compress=*/false, &spool));
  ASSERT_VALUE(const PlainBatch read, Decode(SpoolOf(BytesOf(spool))));
  EXPECT_TRUE(read == batch);
}

TEST(Codec, ARetirementBelongsToTheCoveredChanges) {
  const Origin sender = SmallBatch().header.sender;
  const Origin other{NodeId(9), Incarnation(4)};
  for (const Retirement& wrong :
       {Retirement{other, Lseq(3), sender, Lseq(10)}, Retirement{other, Lseq(3), sender, Lseq(13)},
        Retirement{other, Lseq(0), sender, Lseq(12)}, Retirement{other, Lseq(3), other, Lseq(12)},
        Retirement{sender, Lseq(3), sender, Lseq(12)}}) {
    Spool spool = MakeSpool();
    EXPECT_FALSE(Encode(BatchWith(wrong), /*compress=*/false, &spool).ok())
        << ToString(wrong.origin) << " by " << ToString(wrong.by) << " at " << wrong.at.value;
  }
}

TEST(Codec, ReadsGoldenBytes) {
  ASSERT_VALUE(const PlainBatch batch, Decode(SpoolOf(Unhex(kGoldenBatch))));
  EXPECT_TRUE(batch == SmallBatch());
}

TEST(Codec, ABatchWithoutRowsIsABatch) {
  PlainBatch batch = SmallBatch();
  batch.items.clear();
  Spool spool = MakeSpool();
  ASSERT_OK(Encode(batch, true, &spool));
  ASSERT_VALUE(const PlainBatch back, Decode(spool));
  EXPECT_TRUE(back == batch);
}

TEST(Codec, KeepsEveryValueExactly) {
  PlainBatch batch = OneTable(100);
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<Value> values = {Value(), Value(ValueView::Text("")), Value(ValueView::Blob("")),
                               Value(ValueView::Text("\xED\xA0\x80\xC0\xAF")),
                               Value(ValueView::Text({"\0\0", 2}))};
  for (const double v :
       {0.0, -0.0, 1.0, inf, -inf, 5e-324, 0.1, std::numeric_limits<double>::max()})
    values.emplace_back(ValueView::Real(v));
  for (const int shift : {0, 4, 5, 7, 8, 15, 16, 31, 32, 52, 53, 62})
    for (const int64_t near : {-1, 0, 1}) {
      values.emplace_back(ValueView::Integer((int64_t{1} << shift) + near));
      values.emplace_back(ValueView::Integer(-(int64_t{1} << shift) + near));
    }
  values.emplace_back(ValueView::Integer(INT64_MIN));
  values.emplace_back(ValueView::Integer(INT64_MAX));
  for (const Value& value : values)
    batch.items.emplace_back(PlainRow{0, 0, Hlc(1), Lseq(1), false, {value, value}});
  for (const bool compress : {false, true}) {
    Spool spool = MakeSpool();
    ASSERT_OK(Encode(batch, compress, &spool));
    ASSERT_VALUE(const PlainBatch back, Decode(spool));
    EXPECT_TRUE(back == batch);
  }
}

TEST(Codec, StampsAndLseqsMayJumpAcrossTheirWholeRange) {
  PlainBatch batch = OneTable(INT64_MAX);
  batch.header.max_stamp = Hlc(INT64_MAX);
  int64_t stamp = INT64_MAX;
  for (const int64_t lseq : {INT64_MAX, int64_t{0}, INT64_MAX, int64_t{1}}) {
    PlainRow row = BlobRow(lseq, "");
    row.stamp = Hlc(stamp);
    stamp = stamp == INT64_MAX ? INT64_MIN : INT64_MAX;
    batch.items.emplace_back(row);
  }
  Spool spool = MakeSpool();
  ASSERT_OK(Encode(batch, false, &spool));
  ASSERT_VALUE(const PlainBatch back, Decode(spool));
  EXPECT_TRUE(back == batch);
}

// Covers sizes around every limit of the buffers, stored and compressed, for bytes that shrink and
// bytes that do not.
TEST(Codec, ValuesOfEverySizeSurvive) {
  const size_t chunk = BatchSink::kChunk;
  for (const bool compress : {false, true})
    for (const bool shrinks : {false, true}) {
      PlainBatch batch = OneTable(100);
      for (const size_t size :
           {size_t{0}, size_t{23}, size_t{24}, size_t{255}, size_t{65536}, chunk / 2 - 64,
            chunk / 2, chunk / 2 + 1, chunk - 1, chunk, chunk + 1, 10 * chunk + 5, size_t{3}}) {
        const auto lseq = static_cast<int64_t>(batch.items.size());
        batch.items.emplace_back(
            BlobRow(lseq, shrinks ? std::string(size, 'x') : RandomBytes(size, size)));
      }
      Spool spool = MakeSpool();
      ASSERT_OK(Encode(batch, compress, &spool));
      ASSERT_VALUE(const PlainBatch back, Decode(spool));
      EXPECT_TRUE(back == batch) << compress << shrinks;
    }
}

TEST(Codec, CompressesOnlyWhatPays) {
  const auto codec = [](size_t size, bool shrinks, bool compress) {
    PlainBatch batch = OneTable(1);
    batch.items.emplace_back(BlobRow(1, shrinks ? std::string(size, 'x') : RandomBytes(size, 1)));
    Spool spool = MakeSpool();
    HL_CHECK(Encode(batch, compress, &spool).ok());
    HL_CHECK(Decode(spool).value() == batch);
    return BytesOf(spool)[1];
  };
  EXPECT_EQ(codec(100, true, true), kCodecStored);  // Too short to compress.
  EXPECT_EQ(codec(5000, true, true), kCodecZstd);
  EXPECT_EQ(codec(5000, false, true), kCodecStored);  // The bytes do not shrink.
  EXPECT_EQ(codec(5000, true, false), kCodecStored);  // Compression is off.
  EXPECT_EQ(codec(500'000, true, true), kCodecZstd);  // Longer than one chunk.
  EXPECT_EQ(codec(500'000, true, false), kCodecStored);
}

TEST(Codec, TheHeaderOfALongBatchIsReadFromItsFirstBytes) {
  PlainBatch batch = OneTable(1'000);
  for (int64_t i = 1; i <= 1'000; ++i)
    batch.items.emplace_back(BlobRow(i, RandomBytes(300, static_cast<uint32_t>(i))));
  for (const bool compress : {false, true}) {
    Spool spool = MakeSpool();
    HL_CHECK(Encode(batch, compress, &spool).ok());
    const Spool beginning = SpoolOf(BytesOf(spool).substr(0, 512));
    ASSERT_VALUE(const BatchDecoder decoder, BatchDecoder::Begin(&beginning));
    EXPECT_TRUE(decoder.header() == batch.header);
  }
}

TEST(Codec, ManyRowsGoThroughASpoolOnDisk) {
  constexpr int64_t kRows = 20'000;
  for (const bool compress : {false, true}) {
    Spool spool(std::filesystem::temp_directory_path().string(), /*memory_limit=*/1000);
    const PlainBatch batch = OneTable(kRows);
    ASSERT_VALUE(BatchEncoder encoder, BatchEncoder::Begin(batch.header, compress, &spool));
    ASSERT_OK(encoder.AddTable(std::get<TableShape>(batch.items[0])));
    for (int64_t i = 1; i <= kRows; ++i) ASSERT_OK(AddPlain(&encoder, BlobRow(i, "blob of a row")));
    EXPECT_EQ(encoder.rows(), uint64_t{kRows});
    ASSERT_OK(encoder.Finish());
    EXPECT_TRUE(spool.on_disk());

    ASSERT_VALUE(BatchDecoder decoder, BatchDecoder::Begin(&spool));
    ASSERT_OK(decoder.Next());
    for (int64_t i = 1; i <= kRows; ++i) {
      ASSERT_VALUE(const BatchDecoder::Item item, decoder.Next());
      ASSERT_EQ(std::get<RowView>(item).lseq, Lseq(i));
      ASSERT_EQ(std::get<RowView>(item).values[0].integer, i);
    }
    ASSERT_VALUE(const BatchDecoder::Item end, decoder.Next());
    EXPECT_EQ(std::get<BatchDecoder::End>(end).rows, uint64_t{kRows});
    EXPECT_FALSE(decoder.Next().ok());
  }
}

TEST(Codec, TheEncoderRefusesWhatNoDecoderTakes) {
  const auto refuses = [](const PlainBatch& batch) {
    Spool spool = MakeSpool();
    const Status status = Encode(batch, true, &spool);
    return !status.ok() && status.error().code() == ErrorCode::kInvalidArgument;
  };
  const PlainBatch good = SmallBatch();
  ASSERT_FALSE(refuses(good));
  const auto with_header = [&](auto change) {
    PlainBatch batch = good;
    change(batch.header);
    return refuses(batch);
  };
  EXPECT_TRUE(with_header([](BatchHeader& h) { h.covers.clear(); }));
  EXPECT_TRUE(with_header([](BatchHeader& h) { h.covers[1].origin = h.covers[0].origin; }));
  EXPECT_TRUE(with_header([](BatchHeader& h) { h.covers[0].from = Lseq(13); }));
  EXPECT_TRUE(with_header([](BatchHeader& h) { h.covers[0].from = Lseq(-1); }));
  EXPECT_TRUE(with_header([](BatchHeader& h) { h.max_stamp = Hlc(999); }));
  const auto with_shape = [&](auto change) {
    PlainBatch batch = good;
    change(std::get<TableShape>(batch.items[0]));
    return refuses(batch);
  };
  EXPECT_TRUE(with_shape([](TableShape& s) { s.key = {0, 3}; }));
  EXPECT_TRUE(with_shape([](TableShape& s) { s.key = {0, 0}; }));
  EXPECT_TRUE(with_shape([](TableShape& s) { s.key.clear(), s.collations.clear(); }));
  EXPECT_TRUE(with_shape([](TableShape& s) { s.collations.pop_back(); }));
  EXPECT_TRUE(with_shape([](TableShape& s) { s.columns.resize(kMaxColumns + 1); }));
  const auto with_row = [&](auto change) {
    PlainBatch batch = good;
    change(std::get<PlainRow>(batch.items[1]));
    return refuses(batch);
  };
  EXPECT_TRUE(with_row([](PlainRow& r) { r.table = 1; }));
  EXPECT_TRUE(with_row([](PlainRow& r) { r.cover = 2; }));
  EXPECT_TRUE(with_row([](PlainRow& r) { r.lseq = Lseq(-1); }));
  EXPECT_TRUE(with_row([](PlainRow& r) { r.deleted = true; }));
  EXPECT_TRUE(with_row([](PlainRow& r) { r.values.pop_back(); }));
}

TEST(Codec, ASpoolThatFailsStaysFailed) {
  Spool spool("/nonexistent/folder", /*memory_limit=*/1000);
  const PlainBatch batch = OneTable(9);
  ASSERT_VALUE(BatchEncoder encoder, BatchEncoder::Begin(batch.header, false, &spool));
  ASSERT_OK(encoder.AddTable(std::get<TableShape>(batch.items[0])));
  EXPECT_FALSE(AddPlain(&encoder, BlobRow(1, std::string(1 << 20, 'x'))).ok());
  const Status finished = encoder.Finish();
  ASSERT_FALSE(finished.ok());
  EXPECT_EQ(finished.error().code(), ErrorCode::kRetryLater);
}

TEST(HashColumn, IsGoldenAndSeesTheType) {
  EXPECT_EQ(HashColumn(ColumnSeed("price"), ValueView::Integer(1)), 0x38c290fd81905be1u);
  EXPECT_EQ(HashColumn(ColumnSeed("price"), ValueView::Real(1)), 0xdb12086111a2aa06u);
  EXPECT_EQ(HashColumn(ColumnSeed("price"), ValueView::Text("1")), 0xc43f2e27235a7d08u);
  EXPECT_EQ(HashColumn(ColumnSeed("price"), ValueView::Blob("1")), 0x88a7f4489085c164u);
  EXPECT_EQ(HashColumn(ColumnSeed("price"), ValueView::Text("")), 0xbfc3de4098a8a0abu);
  EXPECT_EQ(HashColumn(ColumnSeed("price"), ValueView::Null()), 0u);
  EXPECT_NE(HashColumn(ColumnSeed("prices"), ValueView::Integer(1)),
            HashColumn(ColumnSeed("price"), ValueView::Integer(1)));
  EXPECT_NE(HashColumn(ColumnSeed("p"), ValueView::Text("")),
            HashColumn(ColumnSeed("p"), ValueView::Blob("")));
  EXPECT_NE(HashColumn(ColumnSeed("p"), ValueView::Real(0.0)),
            HashColumn(ColumnSeed("p"), ValueView::Real(-0.0)));
}

}  // namespace
}  // namespace harmonylite::change
