#include "sqlite/literal.h"

#include <fmt/format.h>

#include <cmath>

#include "sqlite/identifier.h"

namespace harmonylite::sqlite {

using change::ValueType;

namespace {

// SQL has no word for infinity; a number that is too large stands for it. A real number without a
// point would be read as an integer.
std::string RealLiteral(double real) {
  if (std::isinf(real)) return real < 0 ? "-9e999" : "9e999";
  std::string out = fmt::format("{}", real);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

}  // namespace

std::string Literal(const change::ValueView& value, size_t most_text) {
  switch (value.type) {
    case ValueType::kNull:
      return "NULL";
    case ValueType::kInteger:
      return fmt::format("{}", value.integer);
    case ValueType::kReal:
      return RealLiteral(value.real);
    case ValueType::kText:
      return TextLiteral(value.bytes.substr(0, most_text));
    case ValueType::kBlob:
      break;
  }
  std::string out = "x'";
  for (const char c : value.bytes.substr(0, most_text / 2))
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out + "'";
}

}  // namespace harmonylite::sqlite
