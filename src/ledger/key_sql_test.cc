#include "ledger/key_sql.h"

#include <gtest/gtest.h>

namespace harmonylite::ledger {
namespace {

schema::Table TwoKeys() {
  schema::Table table;
  table.columns = {"x", "a", "b c"};
  for (const char* name : {"a", "b c"}) {
    schema::KeyColumn column;
    column.name = name;
    column.collation = name[0] == 'a' ? "BINARY" : "NOCASE";
    table.key.push_back(column);
  }
  return table;
}

TEST(KeySql, NamesKeysAndImages) {
  EXPECT_EQ(KeyColumns("v", TwoKeys()), ", v.k1, v.k2");
  EXPECT_EQ(ImageColumns("t", TwoKeys()), R"(, t."x", t."a", t."b c")");
  EXPECT_EQ(RowKey("c", TwoKeys()), R"(c."a", c."b c")");
  EXPECT_EQ(RowKey("", TwoKeys()), R"("a", "b c")");
}

TEST(KeySql, ComparesKeysByTheCollationsOfTheKey) {
  EXPECT_EQ(KeyMatches("t", "v", TwoKeys()),
            R"(t."a" = v.k1 COLLATE "BINARY" AND t."b c" = v.k2 COLLATE "NOCASE")");
  EXPECT_EQ(KeyMatches("t", "s", TwoKeys(), HiddenKey::kBlocker),
            R"(t."a" = s.b1 COLLATE "BINARY" AND t."b c" = s.b2 COLLATE "NOCASE")");
  EXPECT_EQ(HiddenMatches("v", "t", TwoKeys()), R"(v.k1 = +t."a" AND v.k2 = +t."b c")");
  EXPECT_EQ(HiddenKeysEqual("v", "j", TwoKeys()), "v.k1 = j.k1 AND v.k2 = j.k2");
  EXPECT_EQ(HiddenKeysEqual("v", "s", TwoKeys(), HiddenKey::kBlocker),
            "v.k1 = s.b1 AND v.k2 = s.b2");
}

TEST(KeySql, ComparesKeysWithParameters) {
  EXPECT_EQ(HiddenKeyIs(TwoKeys()), "k1 = ?1 AND k2 = ?2");
  EXPECT_EQ(HiddenKeyIs(TwoKeys(), 7, "v"), "v.k1 = ?7 AND v.k2 = ?8");
  EXPECT_EQ(HiddenKeyIs(TwoKeys(), 1, {}, HiddenKey::kBlocker), "b1 = ?1 AND b2 = ?2");
  EXPECT_EQ(RowKeyIs(TwoKeys(), 2), R"("a" = ?2 COLLATE "BINARY" AND "b c" = ?3 COLLATE "NOCASE")");
}

}  // namespace
}  // namespace harmonylite::ledger
