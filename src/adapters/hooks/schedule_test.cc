#include "adapters/hooks/schedule.h"

#include <gtest/gtest.h>

namespace harmonylite::hooks {
namespace {

TEST(Schedule, HasNothingToTellAtFirst) { EXPECT_EQ(Schedule(100).due_ms(), std::nullopt); }

TEST(Schedule, TheFirstRowsAreToldAtOnce) {
  Schedule schedule(100);
  schedule.Add({{"t", 2}, {"u", 1}});
  ASSERT_TRUE(schedule.due_ms());
  EXPECT_LE(*schedule.due_ms(), 5'000);
  EXPECT_EQ(schedule.untold(), 3);
  EXPECT_EQ(schedule.Begin(5'000), (Rows{{"t", 2}, {"u", 1}}));
  EXPECT_EQ(schedule.due_ms(), std::nullopt);
  EXPECT_EQ(schedule.untold(), 3) << "the run may fail";
  schedule.End(true, 5'010);
  EXPECT_EQ(schedule.untold(), 0);
  EXPECT_FALSE(schedule.failing());
}

TEST(Schedule, RunsBeginAtLeastSoFarApart) {
  Schedule schedule(100);
  schedule.Add({{"t", 1}});
  schedule.Begin(5'000);
  schedule.End(true, 5'010);
  schedule.Add({{"t", 1}});
  EXPECT_EQ(schedule.due_ms(), 5'100);
  schedule.Add({{"t", 1}});
  EXPECT_EQ(schedule.due_ms(), 5'100) << "further rows do not put a run off";
  EXPECT_EQ(schedule.Begin(5'100), (Rows{{"t", 2}}));
}

TEST(Schedule, RowsThatComeDuringARunAreForTheNextOne) {
  Schedule schedule(100);
  schedule.Add({{"t", 1}});
  schedule.Begin(5'000);
  schedule.Add({{"t", 2}, {"u", 0}});
  schedule.End(true, 9'000);
  EXPECT_EQ(schedule.due_ms(), 5'100) << "the run took longer than the pause";
  EXPECT_EQ(schedule.Begin(9'000), (Rows{{"t", 2}, {"u", 0}}));
}

TEST(Schedule, ATableWithoutANumberIsToldAsWell) {
  Schedule schedule(100);
  schedule.Add({{"t", 0}});
  EXPECT_EQ(schedule.untold(), 0);
  EXPECT_TRUE(schedule.due_ms());
  EXPECT_EQ(schedule.Begin(0), (Rows{{"t", 0}}));
}

TEST(Schedule, AFailedRunIsRepeatedWithItsRows) {
  Schedule schedule(10);
  schedule.Add({{"t", 1}, {"u", 5}});
  schedule.Begin(5'000);
  schedule.Add({{"t", 2}});
  schedule.End(false, 5'001);
  EXPECT_TRUE(schedule.failing());
  EXPECT_EQ(schedule.untold(), 8);
  EXPECT_GT(*schedule.due_ms(), 5'010);
  EXPECT_EQ(schedule.Begin(6'000), (Rows{{"t", 3}, {"u", 5}}));
  schedule.End(true, 6'001);
  EXPECT_FALSE(schedule.failing());
  EXPECT_EQ(schedule.due_ms(), std::nullopt);
}

TEST(Schedule, ThePauseAfterFailuresDoublesUpToHalfAMinute) {
  Schedule schedule(10);
  schedule.Add({{"t", 1}});
  int64_t now = 5'000;
  int64_t before = 0;
  for (int i = 0; i < 40; ++i) {
    schedule.Begin(now);
    schedule.End(false, now);
    const int64_t pause = *schedule.due_ms() - now;
    EXPECT_TRUE(pause == 2 * before || i == 0 || pause == 30'000) << pause;
    before = pause;
    now += pause;
  }
  EXPECT_EQ(before, 30'000);
  schedule.Begin(now);
  schedule.End(true, now);
  schedule.Add({{"t", 1}});
  EXPECT_EQ(schedule.due_ms(), now + 10) << "a success ends the pauses";
}

TEST(Schedule, RowsThatComeAfterAFailureDoNotShortenThePause) {
  Schedule schedule(10);
  schedule.Add({{"t", 1}});
  schedule.Begin(5'000);
  schedule.End(false, 5'000);
  const auto due = schedule.due_ms();
  schedule.Add({{"t", 1}});
  EXPECT_EQ(schedule.due_ms(), due);
}

TEST(Schedule, AFailureDoesNotBringTheNextRunForward) {
  Schedule schedule(3'600'000);
  schedule.Add({{"t", 1}});
  schedule.Begin(5'000);
  schedule.End(false, 6'000);
  EXPECT_EQ(schedule.due_ms(), 3'605'000);
}

TEST(Complaints, TheFirstFailureIsSaidAndThenOneInAMinute) {
  Complaints complaints;
  EXPECT_EQ(complaints.Failed(5'000), 1);
  EXPECT_EQ(complaints.Failed(5'100), 0);
  EXPECT_EQ(complaints.Failed(64'999), 0);
  EXPECT_EQ(complaints.Failed(65'000), 3) << "with those that were not said";
  EXPECT_EQ(complaints.Failed(65'001), 0);
}

TEST(Complaints, ASuccessIsSaidOnlyAfterAFailureThatWas) {
  Complaints complaints;
  EXPECT_FALSE(complaints.Succeeded());
  complaints.Failed(5'000);
  EXPECT_TRUE(complaints.Succeeded());
  EXPECT_FALSE(complaints.Succeeded());
  EXPECT_EQ(complaints.Failed(5'200), 0) << "a hook that fails now and then is not said each time";
  EXPECT_FALSE(complaints.Succeeded());
}

}  // namespace
}  // namespace harmonylite::hooks
