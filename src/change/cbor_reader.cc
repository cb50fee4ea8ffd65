#include "change/cbor_reader.h"

#include <cbor.h>

#include <limits>

namespace harmonylite::change {

struct CborReader::Token {
  enum Kind : uint8_t { kOther, kUint, kNegative, kText, kBytes, kArray, kReal, kNull };
  Kind kind = kOther;
  uint64_t number = 0;  // The integer (for kNegative, -1 minus the value), the length or the count.
  double real = 0;
  const char* bytes = nullptr;
};

// The functions that libcbor calls, one for each item. A callback that is not set here leaves the
// token's kind at kOther.
struct CborReader::Callbacks {
  template <Token::Kind kKind, typename T>
  static void Number(void* context, T number) {
    Token* token = static_cast<Token*>(context);
    token->kind = kKind;
    token->number = number;
  }
  template <Token::Kind kKind>
  static void String(void* context, cbor_data data, size_t length) {
    Token* token = static_cast<Token*>(context);
    token->kind = kKind;
    token->number = length;
    token->bytes = reinterpret_cast<const char*>(data);
  }
  static void Real(void* context, double real) {
    Token* token = static_cast<Token*>(context);
    token->kind = Token::kReal;
    token->real = real;
  }
  static void Null(void* context) { static_cast<Token*>(context)->kind = Token::kNull; }

  static cbor_callbacks Make() {
    cbor_callbacks c = cbor_empty_callbacks;
    c.uint8 = Number<Token::kUint, uint8_t>;
    c.uint16 = Number<Token::kUint, uint16_t>;
    c.uint32 = Number<Token::kUint, uint32_t>;
    c.uint64 = Number<Token::kUint, uint64_t>;
    c.negint8 = Number<Token::kNegative, uint8_t>;
    c.negint16 = Number<Token::kNegative, uint16_t>;
    c.negint32 = Number<Token::kNegative, uint32_t>;
    c.negint64 = Number<Token::kNegative, uint64_t>;
    c.string = String<Token::kText>;
    c.byte_string = String<Token::kBytes>;
    c.array_start = Number<Token::kArray, size_t>;
    c.float8 = Real;
    c.null = Null;
    return c;
  }
};

namespace {

// Length of the shortest head that holds this argument.
constexpr size_t HeadSize(uint64_t argument) {
  if (argument < 24) return 1;
  if (argument <= std::numeric_limits<uint8_t>::max()) return 2;
  if (argument <= std::numeric_limits<uint16_t>::max()) return 3;
  if (argument <= std::numeric_limits<uint32_t>::max()) return 5;
  return 9;
}

// Length of the head whose first byte is `initial`.
constexpr size_t HeadLength(uint8_t initial) {
  const int info = initial & 31;
  return info < 24 || info > 27 ? 1 : 1 + (size_t{1} << (info - 24));
}

constexpr uint64_t kMaxInt = std::numeric_limits<int64_t>::max();

}  // namespace

// Handles an item that does not end within the window. A string that is longer than the budget is
// refused now, before the window grows for it.
bool CborReader::Short(size_t required) {
  const size_t available = static_cast<size_t>(end_ - at_);
  // libcbor's sum wraps around for a length near 2^64 and then asks for less than there is.
  if (required <= available) return Fail("a string is too long");
  if (available > 0 && required - HeadLength(static_cast<uint8_t>(*at_)) > string_budget_)
    return Fail("a string is too long");
  missing_ = required - available;
  return false;
}

bool CborReader::Next(Token* token) {
  static const cbor_callbacks kCallbacks = Callbacks::Make();
  const cbor_decoder_result result = cbor_stream_decode(
      reinterpret_cast<cbor_data>(at_), static_cast<size_t>(end_ - at_), &kCallbacks, token);
  if (result.status == CBOR_DECODER_NEDATA) return Short(result.required);
  if (result.status != CBOR_DECODER_FINISHED) return Fail("it is not CBOR");
  size_t expected = result.read;
  switch (token->kind) {
    case Token::kOther:
      return Fail("it has an item of a type that is not used");
    case Token::kReal:
    case Token::kNull:
      break;
    case Token::kText:
    case Token::kBytes:
      if (!Charge(token->number)) return false;
      expected = HeadSize(token->number) + token->number;
      break;
    default:
      expected = HeadSize(token->number);
  }
  if (result.read != expected) return Fail("a number is longer than it needs to be");
  at_ += result.read;
  return true;
}

bool CborReader::Charge(uint64_t bytes) {
  if (bytes > string_budget_) return Fail("its strings are too long");
  string_budget_ -= bytes;
  return true;
}

bool CborReader::Uint(uint64_t* out) {
  Token token;
  if (!Next(&token)) return false;
  if (token.kind != Token::kUint) return Fail("a number is missing");
  *out = token.number;
  return true;
}

bool CborReader::Uint(uint64_t max, const char* fault, uint64_t* out) {
  if (!Uint(out)) return false;
  return *out <= max || Fail(fault);
}

bool CborReader::Uint32(uint32_t* out) {
  uint64_t wide = 0;
  if (!Uint(std::numeric_limits<uint32_t>::max(), "a number is too large", &wide)) return false;
  *out = static_cast<uint32_t>(wide);
  return true;
}

bool CborReader::Int(int64_t* out) {
  Token token;
  if (!Next(&token)) return false;
  if (token.kind != Token::kUint && token.kind != Token::kNegative)
    return Fail("a number is missing");
  if (token.number > kMaxInt) return Fail("a number is too large");
  const uint64_t bits = token.kind == Token::kUint ? token.number : ~token.number;
  *out = static_cast<int64_t>(bits);
  return true;
}

bool CborReader::Array(uint64_t max_count, uint64_t* count) {
  Token token;
  if (!Next(&token)) return false;
  if (token.kind != Token::kArray) return Fail("an array is missing");
  *count = token.number;
  return *count <= max_count || Fail("an array is too long");
}

bool CborReader::Text(std::string_view* out) {
  Token token;
  if (!Next(&token)) return false;
  if (token.kind != Token::kText) return Fail("a text is missing");
  *out = {token.bytes, static_cast<size_t>(token.number)};
  return true;
}

bool CborReader::Value(ValueView* out) {
  Token token;
  if (!Next(&token)) return false;
  switch (token.kind) {
    case Token::kNull:
      *out = ValueView::Null();
      return true;
    case Token::kUint:
    case Token::kNegative:
      if (token.number > kMaxInt) return Fail("a number is too large");
      *out = ValueView::Integer(
          static_cast<int64_t>(token.kind == Token::kUint ? token.number : ~token.number));
      return true;
    case Token::kReal:
      *out = ValueView::Real(token.real);
      return true;
    case Token::kText:
      *out = ValueView::Text({token.bytes, static_cast<size_t>(token.number)});
      return true;
    case Token::kBytes:
      *out = ValueView::Blob({token.bytes, static_cast<size_t>(token.number)});
      return true;
    default:
      return Fail("a value is missing");
  }
}

}  // namespace harmonylite::change
