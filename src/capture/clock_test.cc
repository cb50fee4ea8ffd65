// Tests of the hybrid logical clock inside the triggers.
#include <gtest/gtest.h>

#include <set>

#include "capture/capture_test_util.h"

namespace harmonylite::capture {
namespace {

constexpr int64_t kLongestStep = 1024;  // the most that a stamp grows by when the clock counts on

class ClockTest : public testing::Test {
 protected:
  int64_t Newest() { return sqlite::Must(ReadJournalEnd(&node_.db)).stamp.value; }
  TestNode node_{"CREATE TABLE t(id INTEGER PRIMARY KEY, a)"};
};

TEST_F(ClockTest, StampsAreTheWallClocksMilliseconds) {
  const SystemClock clock;
  const int64_t before = clock.WallMs();
  node_.App("INSERT INTO t VALUES(1, 1)");
  const int64_t after = clock.WallMs();
  // julianday() is a double, so the stamp may be off by a millisecond.
  EXPECT_GE(HlcMillis(Hlc(Newest())), before - 2);
  EXPECT_LE(HlcMillis(Hlc(Newest())), after + 1);
}

TEST_F(ClockTest, EveryRowOfAStatementHasAStampOfItsOwn) {
  node_.Do(
      "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000)"
      " SELECT i, i FROM n");
  EXPECT_EQ(node_.Query("SELECT count(DISTINCT hlc) FROM __harmonylite__journal WHERE op = 1"),
            std::vector<std::string>{"5000"});
}

TEST_F(ClockTest, ANodeBehindTheJournalCountsOn) {
  const int64_t ahead = HlcFromMillis(SystemClock().WallMs() + 3'600'000).value;
  node_.Write([&] { sqlite::Must(RaiseClock(&node_.db, Hlc(ahead))); });
  node_.Do("INSERT INTO t VALUES(1, 1), (2, 2)");
  const int64_t inserted = Newest();
  EXPECT_GE(inserted, ahead + 2);
  EXPECT_LE(inserted, ahead + 2 * kLongestStep);
  node_.Do("UPDATE t SET a = 3 WHERE id = 1");
  EXPECT_GT(Newest(), inserted);
  EXPECT_LE(Newest(), inserted + kLongestStep);
}

// Without the random step, an older copy of the file would give other changes the same stamps.
TEST_F(ClockTest, TwoLivesOfAFileCountOnDifferently) {
  const int64_t ahead = HlcFromMillis(SystemClock().WallMs() + 3'600'000).value;
  node_.Write([&] { sqlite::Must(RaiseClock(&node_.db, Hlc(ahead))); });
  std::set<std::vector<std::string>> lives;
  for (int life = 0; life < 40; ++life) {
    node_.Do("BEGIN");
    node_.Do("INSERT INTO t VALUES(1, 1), (2, 2), (3, 3)");
    lives.insert(node_.Query("SELECT max(hlc) FROM __harmonylite__journal"));
    node_.Do("ROLLBACK");
  }
  EXPECT_GT(lives.size(), 30u);
}

TEST_F(ClockTest, TheCounterMayOverflowIntoTheMilliseconds) {
  const int64_t full =
      (HlcFromMillis(SystemClock().WallMs() + 3'600'000).value) | ((1 << kHlcCounterBits) - 1);
  node_.Write([&] { sqlite::Must(RaiseClock(&node_.db, Hlc(full))); });
  node_.Do("INSERT INTO t VALUES(1, 1)");
  EXPECT_GT(Newest(), full);
  EXPECT_LE(Newest(), full + kLongestStep);
}

TEST_F(ClockTest, TicksAreRaisedInPlace) {
  const int64_t base = HlcFromMillis(SystemClock().WallMs() + 1000).value;
  node_.App("INSERT INTO t VALUES(1, 1)");
  const Lseq change = node_.newest();
  for (int64_t i = 1; i <= 10; ++i)
    node_.Write([&] { sqlite::Must(RaiseClock(&node_.db, Hlc(base + i))); });
  EXPECT_EQ(node_.newest().value, change.value + 1);
  EXPECT_EQ(Newest(), base + 10);
  // Raising the clock to an earlier stamp must not set it back.
  node_.Write([&] { sqlite::Must(RaiseClock(&node_.db, Hlc(base + 5))); });
  EXPECT_EQ(Newest(), base + 10);
  const JournalEnd end = sqlite::Must(ReadJournalEnd(&node_.db));
  EXPECT_EQ(end.last_change, change);
  EXPECT_LT(end.change_stamp, end.stamp);
}

TEST_F(ClockTest, AppendFollowsTheJournalAndTheClock) {
  const change::ValueView key = change::ValueView::Integer(1);
  const int64_t wall = HlcFromMillis(node_.clock.wall_ms).value;
  const int64_t ahead = wall + 2 * kLongestStep;
  node_.Write([&] {
    sqlite::Must(Append(&node_.db, node_.catalog.tables[0], {&key, 1}, node_.clock));
    EXPECT_GE(Newest(), wall);
    EXPECT_LT(Newest(), wall + kLongestStep);
    sqlite::Must(RaiseClock(&node_.db, Hlc(ahead)));
    sqlite::Must(Append(&node_.db, node_.catalog.tables[0], {&key, 1}, node_.clock));
    EXPECT_GT(Newest(), ahead);
    EXPECT_LE(Newest(), ahead + kLongestStep);
  });
}

}  // namespace
}  // namespace harmonylite::capture
