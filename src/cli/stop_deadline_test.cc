#include "cli/stop_deadline.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace harmonylite::cli {
namespace {

using config::ExitCode;
using std::chrono::hours;
using std::chrono::milliseconds;

// Stops for ever, as the main thread does while a worker waits for an answer that never comes.
[[noreturn]] void StopWithoutEnd(ExitCode code) {
  Logger logger(STDERR_FILENO, LogFormat::kConsole, LogLevel::kInfo);
  const StopDeadline deadline(milliseconds(1), code, &logger);
  while (true) ::pause();
}

TEST(StopDeadlineDeathTest, TheProcessEndsWithTheCodeThatItHad) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(StopWithoutEnd(ExitCode::kOk), testing::ExitedWithCode(0), "NATS does not answer");
  EXPECT_EXIT(StopWithoutEnd(ExitCode::kFailure), testing::ExitedWithCode(1),
              "NATS does not answer");
}

TEST(StopDeadline, NothingHappensIfStoppingEndsInTime) {
  Logger logger(STDERR_FILENO, LogFormat::kConsole, LogLevel::kInfo);
  const StopDeadline deadline(hours(1), ExitCode::kFailure, &logger);
}

}  // namespace
}  // namespace harmonylite::cli
