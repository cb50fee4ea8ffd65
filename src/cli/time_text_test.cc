#include "cli/time_text.h"

#include <gtest/gtest.h>

namespace harmonylite::cli {
namespace {

TEST(TimeText, IsUtc) {
  EXPECT_EQ(TimeText(0), "1970-01-01 00:00:00");
  EXPECT_EQ(TimeText(1'764'466'671'999), "2025-11-30 01:37:51");
}

TEST(TimeText, DurationsInTheirGreatestUsefulUnit) {
  constexpr int64_t kSecond = 1'000;
  constexpr int64_t kHour = 3'600 * kSecond;
  EXPECT_EQ(DurationText(0), "0 s");
  EXPECT_EQ(DurationText(119 * kSecond), "119 s");
  EXPECT_EQ(DurationText(120 * kSecond), "2 min");
  EXPECT_EQ(DurationText(2 * kHour), "2 h");
  EXPECT_EQ(DurationText(48 * kHour), "2 days");
}

}  // namespace
}  // namespace harmonylite::cli
