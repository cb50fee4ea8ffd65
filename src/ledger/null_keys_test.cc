// Rows with NULL in their key, which stay on their node.
#include "ledger/null_keys.h"

#include <gtest/gtest.h>

#include "capture/capture_test_util.h"

namespace harmonylite::ledger {
namespace {

using Counts = std::map<std::string, int64_t>;

class NullKeysTest : public testing::Test {
 protected:
  NullKeysTest() { census_.Reset(&node_.db, &node_.catalog, &node_.clock); }
  // Counts until a round is complete. Each call sees something new, and comes later.
  Counts Count() {
    node_.clock.monotonic_ms += 10'000;
    ++writes_;
    do sqlite::Must(census_.Step(writes_));
    while (census_.running());
    return census_.counts();
  }

  capture::TestNode node_{
      "CREATE TABLE a(k TEXT PRIMARY KEY, v); CREATE TABLE b(x, y, v, PRIMARY KEY(x, y));"
      "CREATE TABLE c(k INTEGER PRIMARY KEY, v); CREATE TABLE d(k TEXT NOT NULL PRIMARY KEY, v)"};
  NullKeyCensus census_;
  int64_t writes_ = 0;
};

TEST_F(NullKeysTest, AreCountedByTable) {
  EXPECT_EQ(Count(), Counts{});
  node_.App(
      "INSERT INTO a VALUES(NULL, 1), (NULL, 2), ('x', 3);"
      "INSERT INTO b VALUES(1, NULL, 1), (NULL, 1, 2), (1, 1, 3); INSERT INTO c VALUES(1, NULL)");
  EXPECT_EQ(Count(), (Counts{{"a", 2}, {"b", 2}}));
  node_.App("UPDATE a SET k = v; DELETE FROM b WHERE x IS NULL");
  EXPECT_EQ(Count(), (Counts{{"b", 1}}));
}

TEST_F(NullKeysTest, ARoundComesAfterAWriteAndAPause) {
  Count();
  node_.App("INSERT INTO a VALUES(NULL, 1)");
  EXPECT_FALSE(sqlite::Must(census_.Step(writes_))) << "nothing was written, it seems";
  EXPECT_FALSE(sqlite::Must(census_.Step(writes_ + 1))) << "too early";
  EXPECT_FALSE(census_.running());
  EXPECT_EQ(Count(), (Counts{{"a", 1}}));
}

TEST_F(NullKeysTest, AreListed) {
  node_.App(
      "INSERT INTO a VALUES(NULL, 1), (NULL, 2); INSERT INTO b VALUES(1, NULL, 1), (1, 2, 3)");
  std::vector<ListedConflict> list;
  sqlite::Must(ListNullKeys(&node_.db, node_.catalog, &list));
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].kind, "stays here");
  EXPECT_EQ(list[0].table, "a");
  EXPECT_NE(list[0].id, list[1].id) << "rows with the same key, NULL";
  EXPECT_EQ(list[2].key.values.size(), 2u);
  EXPECT_EQ(list[2].loser.image->values.size(), 3u);
}

}  // namespace
}  // namespace harmonylite::ledger
