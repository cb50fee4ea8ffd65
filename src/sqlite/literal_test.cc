#include "sqlite/literal.h"

#include <gtest/gtest.h>

#include <limits>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::sqlite {
namespace {

using change::Value;
using change::ValueView;

TEST(LiteralTest, SqliteReadsTheValueBack) {
  Connection db = Must(Connection::Open(":memory:", OpenMode::kCreate));
  const double infinity = std::numeric_limits<double>::infinity();
  for (const ValueView& value :
       {ValueView::Null(), ValueView::Integer(-7), ValueView::Integer(INT64_MAX),
        ValueView::Real(1), ValueView::Real(-0.1), ValueView::Real(1e300), ValueView::Real(5e-324),
        ValueView::Real(infinity), ValueView::Real(-infinity), ValueView::Text("it's"),
        ValueView::Text(""), ValueView::Blob(std::string_view("\0\xff", 2)), ValueView::Blob("")}) {
    Statement read = Must(db.Prepare("SELECT " + Literal(value)));
    ASSERT_TRUE(Must(read.Step()));
    EXPECT_EQ(Value(read.Column(0)), Value(value)) << Literal(value);
  }
}

TEST(LiteralTest, LongValuesAreCut) {
  EXPECT_EQ(Literal(ValueView::Text("abcdef"), 4), "'abcd'");
  EXPECT_EQ(Literal(ValueView::Blob("abcdef"), 4), "x'6162'");
}

}  // namespace
}  // namespace harmonylite::sqlite
