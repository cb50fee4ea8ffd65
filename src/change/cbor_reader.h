// A strict pull reader of CBOR items out of a window of memory, on libcbor's streaming decoder.
//
// Taken are: integers, definite text and byte strings, definite arrays, float64 and null, each head
// in its shortest form. Everything else (tags, maps, half floats, indefinite lengths, …) is a
// fault. The window may end inside an item: then `missing` says how many more bytes are needed at
// least, and the caller starts over with a longer window. Internal to change/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "change/value.h"

namespace harmonylite::change {

// Every method returns false on failure; then either missing() > 0 or fault() says what is wrong.
class CborReader {
 public:
  // `max_string_bytes`: of all strings read together. A longer claim fails at once, before its
  // bytes are there.
  CborReader(std::string_view window, uint64_t max_string_bytes)
      : start_(window.data()), at_(start_), end_(start_ + window.size()),
        string_budget_(max_string_bytes) {}

  bool Uint(uint64_t* out);
  // Not above `max`.
  bool Uint(uint64_t max, const char* fault, uint64_t* out);
  bool Uint32(uint32_t* out);
  bool Int(int64_t* out);
  bool Array(uint64_t max_count, uint64_t* count);
  // The view points into the window.
  bool Text(std::string_view* out);
  bool Value(ValueView* out);
  // Takes from what strings may still use.
  bool Charge(uint64_t bytes);

  bool Fail(const char* fault) {
    fault_ = fault;
    return false;
  }
  size_t consumed() const { return static_cast<size_t>(at_ - start_); }
  size_t missing() const { return missing_; }
  const char* fault() const { return fault_; }
  uint64_t string_budget() const { return string_budget_; }

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
