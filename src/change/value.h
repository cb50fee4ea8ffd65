// A SQLite value by its storage class, exactly as it is stored: it is never converted, and the
// column's declared type does not matter. Threads: plain values.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::change {

enum class ValueType : uint8_t { kNull, kInteger, kReal, kText, kBlob };

// A value that does not own its bytes; it is valid as long as the memory that `bytes` points to.
struct ValueView {
  ValueType type = ValueType::kNull;
  int64_t integer = 0;  // Set for kInteger.
  double real = 0;      // Set for kReal.
  // Set for kText and kBlob. A text is UTF-8 as SQLite gave it; it may be malformed and may contain
  // NULs.
  std::string_view bytes;

  static ValueView Null() { return {}; }
  static ValueView Integer(int64_t v) { return {ValueType::kInteger, v, 0, {}}; }
  static ValueView Real(double v) { return {ValueType::kReal, 0, v, {}}; }
  static ValueView Text(std::string_view v) { return {ValueType::kText, 0, 0, v}; }
  static ValueView Blob(std::string_view v) { return {ValueType::kBlob, 0, 0, v}; }
};

// True if both have the same storage class and the same bits: -0.0 is not 0.0, and 1 is not 1.0.
inline bool Identical(const ValueView& a, const ValueView& b) {
  if (a.type != b.type) return false;
  switch (a.type) {
    case ValueType::kNull:
      return true;
    case ValueType::kInteger:
      return a.integer == b.integer;
    case ValueType::kReal:
      return std::bit_cast<uint64_t>(a.real) == std::bit_cast<uint64_t>(b.real);
    case ValueType::kText:
    case ValueType::kBlob:
      return a.bytes == b.bytes;
  }
  return false;
}

// A value that owns its bytes.
class Value {
 public:
  Value() = default;
  explicit Value(const ValueView& view)
      : type_(view.type), integer_(view.integer), real_(view.real), bytes_(view.bytes) {}

  ValueView view() const { return {type_, integer_, real_, bytes_}; }
  operator ValueView() const { return view(); }  // NOLINT: a Value is usable as a view
  bool operator==(const Value& other) const { return Identical(view(), other.view()); }

 private:
  ValueType type_ = ValueType::kNull;
  int64_t integer_ = 0;
  double real_ = 0;
  std::string bytes_;
};

using Row = std::vector<Value>;

// Views of all values of a row, valid as long as the row.
inline std::vector<ValueView> Views(const Row& row) { return {row.begin(), row.end()}; }

}  // namespace harmonylite::change
