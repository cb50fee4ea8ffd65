// A strict pull reader of CBOR items in a window of memory, on top of libcbor's streaming decoder.
//
// It accepts integers, definite-length text and byte strings, definite-length arrays, float64 and
// null, each with its head in the shortest form. Everything else (tags, maps, half floats,
// indefinite lengths, …) is a fault. The window may end inside an item. Then missing() says how
// many more bytes are needed at least, and the caller starts over with a longer window. Internal to
// change/. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "change/value.h"

namespace harmonylite::change {

// Every reading method returns false on failure; then either missing() is positive or fault() says
// what is wrong.
class CborReader {
 public:
  // `max_string_bytes` limits the bytes of all strings together. A string that claims more fails at
  // once, before its bytes have arrived.
  CborReader(std::string_view window, uint64_t max_string_bytes)
      : start_(window.data()),
        at_(start_),
        end_(start_ + window.size()),
        string_budget_(max_string_bytes) {}

  bool Uint(uint64_t* out);
  // Reads a number; `fault` is reported if it is greater than `max`.
  bool Uint(uint64_t max, const char* fault, uint64_t* out);
  bool Uint32(uint32_t* out);
  bool Int(int64_t* out);
  bool Array(uint64_t max_count, uint64_t* count);
  // The view points into the window.
  bool Text(std::string_view* out);
  bool Value(ValueView* out);
  // Takes `bytes` from what strings may still use; a fault if that is too little.
  bool Charge(uint64_t bytes);

  bool Fail(const char* fault) {
    fault_ = fault;
    return false;
  }
  size_t consumed() const { return static_cast<size_t>(at_ - start_); }
  size_t missing() const { return missing_; }
  const char* fault() const { return fault_; }

 private:
  struct Token;
  struct Callbacks;
  bool Next(Token* token);
  bool Short(size_t required);

  const char* start_;
  const char* at_;
  const char* end_;
  uint64_t string_budget_;
  size_t missing_ = 0;
  const char* fault_ = nullptr;
};

}  // namespace harmonylite::change
