#include "ports/retry.h"

#include <gtest/gtest.h>

#include <thread>

namespace harmonylite::ports {
namespace {

using std::chrono::milliseconds;

Error Later() { return Error(ErrorCode::kRetryLater, "later"); }

class RetryTest : public ::testing::Test {
 protected:
  RetryPolicy policy_{
      .attempts = 3, .first_wait = milliseconds(2), .longest_wait = milliseconds(4)};
  Transfer transfer_;
  int calls_ = 0;
};

TEST_F(RetryTest, TriesAgainUntilItWorks) {
  const Status status = RetryTransfer(policy_, &transfer_,
                                      [&](bool*) { return ++calls_ < 3 ? Status(Later()) : Ok(); });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(calls_, 3);
}

TEST_F(RetryTest, EndsWithTheLastError) {
  const Status status = RetryTransfer(policy_, nullptr, [&](bool*) -> Status {
    return MakeError(ErrorCode::kRetryLater, "failure {}", ++calls_);
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message(), "failure 3");
}

TEST_F(RetryTest, WhatTheOperatorMustChangeIsNotTriedAgain) {
  for (const auto code :
       {ErrorCode::kInvalidArgument, ErrorCode::kNotFound, ErrorCode::kCorruption}) {
    calls_ = 0;
    const Status status = RetryTransfer(policy_, nullptr, [&](bool*) -> Status {
      ++calls_;
      return Error(code, "no");
    });
    EXPECT_EQ(status.error().code(), code);
    EXPECT_EQ(calls_, 1);
  }
}

TEST_F(RetryTest, NorIsWhatTheAttemptCallsFinal) {
  const Status status = RetryTransfer(policy_, nullptr, [&](bool* final) -> Status {
    ++calls_;
    *final = true;
    return Later();
  });
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(calls_, 1);
}

TEST_F(RetryTest, NoAttemptBeginsAfterTheDeadline) {
  policy_.attempts = 1'000'000;
  policy_.deadline = milliseconds(30);
  const Status status = RetryTransfer(policy_, nullptr, [&](bool*) -> Status {
    ++calls_;
    return Later();
  });
  EXPECT_FALSE(status.ok());
  EXPECT_LE(calls_, 31);
}

TEST_F(RetryTest, TheDeadlineCountsFromTheAttemptThatGotFurthest) {
  policy_.attempts = 1'000'000;
  policy_.deadline = milliseconds(30);
  const Status status = RetryTransfer(policy_, &transfer_, [&](bool*) -> Status {
    transfer_.bytes = std::min(++calls_, 100);
    return Later();
  });
  EXPECT_FALSE(status.ok());
  EXPECT_GE(calls_, 100);
  EXPECT_LE(calls_, 131);
}

TEST_F(RetryTest, CancellingEndsAPause) {
  policy_.first_wait = policy_.longest_wait = milliseconds(60'000);
  const auto start = std::chrono::steady_clock::now();
  std::thread canceller;
  const Status status = RetryTransfer(policy_, &transfer_, [&](bool*) -> Status {
    ++calls_;
    canceller = std::thread([&] { transfer_.cancelled = true; });
    return Later();
  });
  canceller.join();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kRetryLater);
  EXPECT_EQ(calls_, 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(20'000));
}

}  // namespace
}  // namespace harmonylite::ports
