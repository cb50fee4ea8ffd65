#include "change/image_codec.h"

#include <gtest/gtest.h>

#include <limits>

namespace harmonylite::change {
namespace {

TEST(ImageCodec, KeepsNamesAndValuesToTheBit) {
  const std::string long_text(100'000, 'x');
  const std::vector<std::string> columns{"id", "", "naïve \"name\"", "d", "e", "f", "g", "h"};
  const std::vector<ValueView> values{ValueView::Integer(std::numeric_limits<int64_t>::min()),
                                      ValueView::Null(),
                                      ValueView::Text(std::string_view("a\0b\xff", 4)),
                                      ValueView::Blob(""),
                                      ValueView::Real(-0.0),
                                      ValueView::Text(""),
                                      ValueView::Text(long_text),
                                      ValueView::Real(std::numeric_limits<double>::infinity())};
  const auto decoded = DecodeImage(EncodeImage(columns, values));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->columns, columns);
  ASSERT_EQ(decoded->values.size(), values.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_TRUE(Identical(decoded->values[i], values[i])) << i;
}

TEST(ImageCodec, DamageIsAnError) {
  const std::vector<std::string> columns{"a", "b"};
  const std::vector<ValueView> values{ValueView::Integer(1), ValueView::Text("text")};
  const std::string good = EncodeImage(columns, values);
  ASSERT_TRUE(DecodeImage(good).ok());
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(DecodeImage(good.substr(0, length)).ok()) << length;
  EXPECT_FALSE(DecodeImage(good + '\0').ok());
  EXPECT_FALSE(DecodeImage("\x81\x61\x61").ok());  // A name has no value.
}

}  // namespace
}  // namespace harmonylite::change
