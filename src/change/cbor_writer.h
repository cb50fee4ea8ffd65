// Writes CBOR items into memory of the caller, who makes sure that it is large enough. Every head
// is in its shortest form. Internal to change/. Threads: one at a time.
#pragma once

#include <cbor.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "change/value.h"

namespace harmonylite::change {

// Length of the longest head of an item: its type and an eight-byte argument. It is also the size
// of an encoded double.
constexpr size_t kMaxCborHead = 9;

class CborWriter {
 public:
  explicit CborWriter(char* out) : start_(reinterpret_cast<unsigned char*>(out)), at_(start_) {}

  void Uint(uint64_t v) { at_ += cbor_encode_uint(v, at_, kMaxCborHead); }
  void Int(int64_t v) {
    if (v >= 0)
      Uint(static_cast<uint64_t>(v));
    else
      at_ += cbor_encode_negint(~static_cast<uint64_t>(v), at_, kMaxCborHead);
  }
  void Array(uint64_t count) { at_ += cbor_encode_array_start(count, at_, kMaxCborHead); }
  void Text(std::string_view text) {
    at_ += cbor_encode_string_start(text.size(), at_, kMaxCborHead);
    Bytes(text);
  }
  // Writes a value without the bytes of a text or blob; the caller writes those next.
  void ValueHead(const ValueView& value) {
    switch (value.type) {
      case ValueType::kNull:
        at_ += cbor_encode_null(at_, kMaxCborHead);
        break;
      case ValueType::kInteger:
        Int(value.integer);
        break;
      case ValueType::kReal:
        at_ += cbor_encode_double(value.real, at_, kMaxCborHead);
        break;
      case ValueType::kText:
        at_ += cbor_encode_string_start(value.bytes.size(), at_, kMaxCborHead);
        break;
      case ValueType::kBlob:
        at_ += cbor_encode_bytestring_start(value.bytes.size(), at_, kMaxCborHead);
        break;
    }
  }
  void Value(const ValueView& value) {
    ValueHead(value);
    if (HasBytes(value)) Bytes(value.bytes);
  }

  static bool HasBytes(const ValueView& value) { return value.type >= ValueType::kText; }
  size_t written() const { return static_cast<size_t>(at_ - start_); }

 private:
  void Bytes(std::string_view bytes) {
    if (bytes.empty()) return;  // An empty view may have a null pointer.
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }

  unsigned char* start_;
  unsigned char* at_;
};

}  // namespace harmonylite::change
