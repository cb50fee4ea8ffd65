#include "change/image_codec.h"

#include "change/cbor_reader.h"
#include "change/cbor_writer.h"

namespace harmonylite::change {

namespace {

// SQLite allows at most 32,767 columns, and each takes two items.
constexpr uint64_t kMaxItems = 1 << 16;

}  // namespace

std::string EncodeImage(std::span<const std::string> columns, std::span<const ValueView> values) {
  HL_CHECK(columns.size() == values.size());
  size_t bytes = kMaxCborHead;
  for (size_t i = 0; i < columns.size(); ++i)
    bytes += 2 * kMaxCborHead + columns[i].size() + values[i].bytes.size();
  std::string out(bytes, '\0');
  CborWriter writer(out.data());
  writer.Array(2 * columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    writer.Text(columns[i]);
    writer.Value(values[i]);
  }
  out.resize(writer.written());
  return out;
}

Result<NamedImage> DecodeImage(std::string_view bytes) {
  CborReader reader(bytes, /*max_string_bytes=*/bytes.size());
  NamedImage out;
  const auto read = [&]() -> bool {
    uint64_t items = 0;
    if (!reader.Array(kMaxItems, &items) || items % 2 != 0) return false;
    for (uint64_t i = 0; i < items; i += 2) {
      std::string_view name;
      ValueView value;
      if (!reader.Text(&name) || !reader.Value(&value)) return false;
      out.columns.emplace_back(name);
      out.values.emplace_back(value);
    }
    return reader.consumed() == bytes.size();
  };
  if (!read()) return MakeError(ErrorCode::kCorruption, "a kept row's image is unreadable");
  return out;
}

}  // namespace harmonylite::change
