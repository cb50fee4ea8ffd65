// Helpers for tests of the wire format: batches as plain values that can be compared, hex, and
// spools.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "change/codec.h"

namespace harmonylite::change {

// A row that owns its values.
struct PlainRow {
  uint32_t table = 0;
  uint32_t cover = 0;
  Hlc stamp;
  Lseq lseq;
  bool deleted = false;
  Row values;
  bool operator==(const PlainRow&) const = default;
};

struct PlainBatch {
  BatchHeader header;
  std::vector<std::variant<TableShape, PlainRow>> items;
  bool operator==(const PlainBatch&) const = default;
};

inline Spool MakeSpool() { return Spool(std::filesystem::temp_directory_path().string()); }

inline Spool SpoolOf(std::string_view bytes) {
  Spool spool = MakeSpool();
  HL_CHECK(spool.Append(bytes).ok());
  return spool;
}

inline std::string BytesOf(const Spool& spool) {
  std::string bytes;
  HL_CHECK(spool.ReadAt(0, spool.size(), &bytes).ok());
  return bytes;
}

inline Status AddPlain(BatchEncoder* encoder, const PlainRow& row) {
  const std::vector<ValueView> values(row.values.begin(), row.values.end());
  return encoder->AddRow({row.table, row.cover, row.stamp, row.lseq, row.deleted, values});
}

inline Status Encode(const PlainBatch& batch, bool compress, Spool* out) {
  HL_ASSIGN(BatchEncoder encoder, BatchEncoder::Begin(batch.header, compress, out));
  for (const auto& item : batch.items) {
    if (const auto* shape = std::get_if<TableShape>(&item))
      HL_TRY(encoder.AddTable(*shape));
    else
      HL_TRY(AddPlain(&encoder, std::get<PlainRow>(item)));
  }
  return encoder.Finish();
}

// Decodes a batch. With `keep` false everything is read and nothing is stored.
inline Result<PlainBatch> Decode(const Spool& in, bool keep = true) {
  HL_ASSIGN(BatchDecoder decoder, BatchDecoder::Begin(&in));
  PlainBatch batch;
  batch.header = decoder.header();
  for (;;) {
    HL_ASSIGN(BatchDecoder::Item item, decoder.Next());
    if (std::holds_alternative<BatchDecoder::End>(item)) return batch;
    if (!keep) continue;
    if (auto* shape = std::get_if<TableShape>(&item)) {
      batch.items.emplace_back(std::move(*shape));
      continue;
    }
    const RowView& row = std::get<RowView>(item);
    batch.items.emplace_back(PlainRow{row.table, row.cover, row.stamp, row.lseq, row.deleted,
                                      Row(row.values.begin(), row.values.end())});
  }
}

inline std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return hex;
}

// Converts hex to bytes; spaces are skipped.
inline std::string Unhex(std::string_view hex) {
  std::string bytes;
  int high = -1;
  for (const char c : hex) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high * 16 + digit);
      high = -1;
    }
  }
  HL_CHECK(high < 0);
  return bytes;
}

// A batch with one table, values of every kind, two origins, a live row and a deleted one.
inline PlainBatch SmallBatch() {
  const Origin a{NodeId(1), Incarnation(7)};
  const Origin b{NodeId(0xFFFFFFFFFFFFFFFF), Incarnation(0xFFFFFFFF)};
  PlainBatch batch;
  batch.header.sender = a;
  batch.header.covers = {{a, Lseq(10), Lseq(12)}, {b, Lseq(0), Lseq(1)}};
  batch.header.seen.Advance(a, Lseq(10));
  batch.header.seen.Advance(b, Lseq(0));
  batch.header.max_stamp = Hlc(1000);
  batch.items.emplace_back(TableShape{"t", {"k", "v", "w"}, {1, 0}, {"BINARY", "NOCASE"}});
  const auto value = [](ValueView view) { return Value(view); };
  batch.items.emplace_back(
      PlainRow{0,
               0,
               Hlc(990),
               Lseq(11),
               false,
               {value(ValueView::Integer(-1)), value(ValueView::Text({"a\0\xFF", 3})), Value()}});
  batch.items.emplace_back(PlainRow{
      0, 0, Hlc(1000), Lseq(12), true, {value(ValueView::Real(-0.0)), value(ValueView::Blob(""))}});
  batch.items.emplace_back(
      PlainRow{0,
               1,
               Hlc(3),
               Lseq(1),
               false,
               {value(ValueView::Integer(INT64_MIN)), value(ValueView::Integer(INT64_MAX)),
                value(ValueView::Blob("\x01\x02"))}});
  return batch;
}

}  // namespace harmonylite::change
