#include "sqlite/literal.h"

#include <fmt/format.h>

#include "sqlite/identifier.h"

namespace harmonylite::sqlite {

using change::ValueType;

std::string Literal(const change::ValueView& value, size_t most_text) {
  switch (value.type) {
    case ValueType::kNull:
      return "NULL";
    case ValueType::kInteger:
      return fmt::format("{}", value.integer);
    case ValueType::kReal:
      return fmt::format("{}", value.real);
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
