#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "base/logger.h"
#include "base/mutant.h"
#include "base/sha256.h"
#include "base/spool.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite {
namespace {

TEST(Result, CarriesErrorAndContext) {
  const auto failing = []() -> Status {
    Status inner = MakeError(ErrorCode::kNotFound, "no {}", "row");
    return std::move(inner).error().Wrap("reading");
  };
  const Status status = failing();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(status.error().message(), "reading: no row");
}

TEST(Result, ACopyOfAnErrorIsTheSameError) {
  const Error error = MakeError(ErrorCode::kRetryLater, "locked").Passing();
  const Error copy = error.Copy().Wrap("writing");
  EXPECT_EQ(copy.code(), ErrorCode::kRetryLater);
  EXPECT_EQ(copy.message(), "writing: locked");
  EXPECT_TRUE(copy.passing());
  EXPECT_EQ(error.message(), "locked");
  EXPECT_FALSE(MakeError(ErrorCode::kRetryLater, "the disk is full").passing());
}

TEST(Sha256, OfNothingAndOfAText) {
  EXPECT_EQ(Hex(Sha256Of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256Sum sum;
  sum.Add("a");
  sum.Add("bc");
  EXPECT_EQ(Hex(sum.Finish()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(JsonEscape, KeepsUtf8AndReplacesTheRest) {
  EXPECT_EQ(JsonEscape("a\"b\\c\n"), "a\\\"b\\\\c\\u000a");
  EXPECT_EQ(JsonEscape("gr\xC3\xBC\xC3\x9F"), "gr\xC3\xBC\xC3\x9F");
  EXPECT_EQ(JsonEscape("\xFF\xC0\xAF\xED\xA0\x80"), "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd");
  EXPECT_EQ(JsonEscape("\xE2\x82"), "\\ufffd\\ufffd");
}

TEST(Spool, ClearedIsAsNewlyMade) {
  const test::TempDir dir;
  Spool spool(dir.path(), 4);
  for (const std::string text : {"in memory and then on the disk", "few"}) {
    ASSERT_TRUE(spool.Append(text).ok());
    std::string bytes;
    ASSERT_TRUE(spool.ReadAt(0, 100, &bytes).ok());
    EXPECT_EQ(bytes, text);
    spool.Clear();
    EXPECT_EQ(spool.size(), 0u);
    EXPECT_FALSE(spool.on_disk());
  }
}

TEST(Spool, IsTheSameInMemoryAndOnDisk) {
  const test::TempDir dir;
  Spool small(dir.path());
  Spool large(dir.path(), /*memory_limit=*/10);
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string part = "part" + std::to_string(i);
    ASSERT_OK(small.Append(part));
    ASSERT_OK(large.Append(part));
    all += part;
  }
  EXPECT_FALSE(small.on_disk());
  EXPECT_TRUE(large.on_disk());
  for (const Spool* spool : {&small, &large}) {
    std::string out;
    ASSERT_OK(spool->ReadAt(7, 100, &out));
    EXPECT_EQ(out, all.substr(7, 100));
    ASSERT_OK(spool->ReadAt(all.size() - 3, 100, &out));
    EXPECT_EQ(out, all.substr(all.size() - 3));
    ASSERT_OK(spool->ReadAt(all.size() + 3, 100, &out));
    EXPECT_EQ(out, "");
  }
  EXPECT_EQ(small.Checksum().value(), large.Checksum().value());
}

TEST(Spool, WhatCannotBeAppendedNowCanBeLater) {
  const test::TempDir dir;
  const std::string folder = dir.File("later");
  Spool spool(folder, 4);
  ASSERT_OK(spool.Append("abc"));
  for (int i = 0; i < 2; ++i) {
    const Status refused = spool.Append("def");
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), ErrorCode::kRetryLater);
    EXPECT_EQ(spool.size(), 3u);
  }
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  ASSERT_OK(spool.Append("def"));
  std::string all;
  ASSERT_OK(spool.ReadAt(0, 100, &all));
  EXPECT_EQ(all, "abcdef");
  EXPECT_TRUE(spool.on_disk());
}

// An ordinary build contains no mutants (docs/testing.md, "Mutants").
static_assert(!HL_MUTANT(any_name));

}  // namespace
}  // namespace harmonylite
