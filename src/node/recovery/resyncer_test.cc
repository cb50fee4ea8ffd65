#include "node/recovery/resyncer.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <set>

#include "capture/capture_test_util.h"
#include "node/options.h"

namespace harmonylite::node {
namespace {

// A fetched snapshot whose newest stamp is of the given wall clock time.
class FakeFile final : public OpenSnapshot {
 public:
  explicit FakeFile(int64_t wall_ms) {
    node_.App("INSERT INTO __harmonylite__journal(tbl, op, hlc) VALUES(0, 0, " +
              std::to_string(HlcFromMillis(wall_ms).value) + ")");
  }
  sqlite::Connection* db() override { return &node_.db; }

 private:
  capture::TestNode node_{"CREATE TABLE t(id INTEGER PRIMARY KEY)"};
};

class FakeSource final : public SnapshotSource {
 public:
  Result<std::vector<SnapshotInfo>> List() override {
    std::vector<SnapshotInfo> out = older;
    if (newest) out.insert(out.begin(), *newest);
    return out;
  }
  Result<std::shared_ptr<OpenSnapshot>> Open(const std::string& name) override {
    opened = name;
    if (unreadable.contains(name)) return MakeError(ErrorCode::kRetryLater, "nothing comes");
    if (file != nullptr) return file;
    return MakeError(error, "{} cannot be opened", name);
  }
  Status Ask(NodeId) override {
    ++asked;
    return Ok();
  }
  std::optional<SnapshotInfo> newest;
  std::vector<SnapshotInfo> older;
  std::set<std::string> unreadable;
  std::string opened;  // the name that was asked for last
  std::shared_ptr<OpenSnapshot> file;
  ErrorCode error = ErrorCode::kCorruption;
  int asked = 0;
};

class ResyncerTest : public testing::Test {
 protected:
  void SetUp() override {
    const Origin other{NodeId(2), Incarnation(1)};
    SnapshotInfo info{"newest", {}};
    info.progress.Advance(other, Lseq(9));
    source_.newest = info;
    ResyncWish wish;
    wish.forgotten.emplace_back().Advance(other, Lseq(5));
    shared_.SetSelf({NodeId(1), Incarnation(1)});
    shared_.SetResyncWish(wish);
  }
  Logger logger_{open("/dev/null", O_WRONLY | O_CLOEXEC), LogFormat::kConsole, LogLevel::kError};
  // Lets the resyncer fetch a snapshot that the consumer then fails to merge.
  void FailToMerge() {
    source_.file = std::make_shared<FakeFile>(clock_.wall_ms);
    clock_.monotonic_ms += kResyncRetryMs;
    ASSERT_EQ(resyncer_.Step().kind, StepResult::kProgress);
    source_.file.reset();
    ASSERT_NE(shared_.TakeSnapshot(), nullptr);
    shared_.SetResyncError("table t: column v does not exist here");
  }
  void StepLater(int64_t ms) {
    clock_.monotonic_ms += ms;
    EXPECT_EQ(resyncer_.Step().kind, StepResult::kBlocked);
  }
  capture::ManualClock clock_;
  SharedState shared_;
  FakeSource source_;
  Resyncer resyncer_{{&source_, &shared_, &clock_, &logger_}};
};

TEST_F(ResyncerTest, AsksForAnotherWhereTheNewestIsDamaged) {
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kBlocked);
  EXPECT_EQ(source_.asked, 1);
  resyncer_.Step();  // kResyncRetryMs has not passed yet
  EXPECT_EQ(source_.asked, 1);
  clock_.monotonic_ms += kResyncRetryMs;
  resyncer_.Step();
  EXPECT_EQ(source_.asked, 2);
}

TEST_F(ResyncerTest, AsksForAnotherWhereItsStampsAreFromTheFuture) {
  source_.file = std::make_shared<FakeFile>(clock_.wall_ms + 3'600'000);
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kBlocked);
  EXPECT_EQ(source_.asked, 1);
  EXPECT_EQ(shared_.TakeSnapshot(), nullptr);
  clock_.wall_ms += 3'600'000;
  clock_.monotonic_ms += kResyncRetryMs;
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kProgress);
  EXPECT_EQ(shared_.TakeSnapshot(), source_.file);
}

TEST_F(ResyncerTest, TakesAnOlderOneWhereTheNewestCannotBeRead) {
  source_.older = {{"older", source_.newest->progress}};
  source_.unreadable = {"newest"};
  source_.file = std::make_shared<FakeFile>(clock_.wall_ms);
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kBlocked);
  EXPECT_TRUE(shared_.unreadable_snapshot().starts_with(
      "snapshot newest cannot be read now: nothing comes"))
      << shared_.unreadable_snapshot();
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kProgress);
  EXPECT_EQ(source_.opened, "older");
  EXPECT_EQ(shared_.TakeSnapshot(), source_.file);
  EXPECT_EQ(shared_.unreadable_snapshot(), "");
  EXPECT_EQ(source_.asked, 0);
}

TEST_F(ResyncerTest, AsksForAnotherWhereTheNewestCannotBeReadAndTriesItAgainLater) {
  source_.unreadable = {"newest"};
  source_.file = std::make_shared<FakeFile>(clock_.wall_ms);
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kBlocked);
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kBlocked);
  EXPECT_EQ(source_.asked, 1);
  StepLater(kResyncRetryMs);
  EXPECT_EQ(source_.asked, 1) << "each is work for its maker";
  source_.unreadable.clear();
  clock_.monotonic_ms += kUnreadableMs;
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kProgress);
  EXPECT_EQ(source_.opened, "newest");
}

TEST_F(ResyncerTest, AnotherOneThatIsMadeMeanwhileIsTriedAtOnce) {
  source_.unreadable = {"newest"};
  source_.file = std::make_shared<FakeFile>(clock_.wall_ms);
  StepLater(0);
  StepLater(0);
  source_.older = {*source_.newest};
  source_.newest->name = "another";
  clock_.monotonic_ms += kResyncRetryMs;
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kProgress);
  EXPECT_EQ(source_.opened, "another");
}

// Two other nodes have each forgotten what the other lacks, so that no snapshot covers both.
TEST_F(ResyncerTest, WhatCoversOneOfTheOthersIsTakenWhenNoneThatCoversAllHasCome) {
  const Origin other{NodeId(2), Incarnation(1)};
  const Origin third{NodeId(3), Incarnation(1)};
  ResyncWish wish;
  wish.forgotten.emplace_back().Advance(other, Lseq(5));
  wish.forgotten.emplace_back().Advance(third, Lseq(5));
  shared_.SetResyncWish(wish);
  source_.file = std::make_shared<FakeFile>(clock_.wall_ms);
  StepLater(0);
  StepLater(kWholeSnapshotPatienceMs - 1);
  EXPECT_EQ(source_.asked, 2);
  clock_.monotonic_ms += kResyncRetryMs;
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kProgress);
  EXPECT_EQ(shared_.TakeSnapshot(), source_.file);
}

TEST_F(ResyncerTest, WhatCoversNoneOfTheOthersIsNotTaken) {
  ResyncWish wish;
  wish.forgotten.emplace_back().Advance({NodeId(3), Incarnation(1)}, Lseq(5));
  shared_.SetResyncWish(wish);
  StepLater(0);
  StepLater(2 * kWholeSnapshotPatienceMs);
  EXPECT_EQ(source_.asked, 2);
}

TEST_F(ResyncerTest, FetchesNothingWhileOneIsBeingMerged) {
  source_.file = std::make_shared<FakeFile>(clock_.wall_ms);
  EXPECT_EQ(resyncer_.Step().kind, StepResult::kProgress);
  StepLater(10 * kResyncRetryMs);
  source_.file.reset();
  const auto merging = shared_.TakeSnapshot();
  StepLater(10 * kResyncRetryMs);
  EXPECT_EQ(shared_.TakeSnapshot(), nullptr);
  EXPECT_EQ(source_.asked, 0);
}

TEST_F(ResyncerTest, AsksForAnotherMoreAndMoreRarelyWhereOneCannotBeMerged) {
  FailToMerge();
  StepLater(kResyncRetryMs);
  EXPECT_EQ(source_.asked, 1);  // the first failure is answered by a request at once
  StepLater(kUnmergedRetryMs - 1);
  EXPECT_EQ(source_.asked, 1);
  StepLater(kResyncRetryMs);
  EXPECT_EQ(source_.asked, 2);
  source_.newest->name = "another";
  FailToMerge();
  StepLater(kResyncRetryMs);
  StepLater(2 * kUnmergedRetryMs - 1);
  EXPECT_EQ(source_.asked, 2);
  StepLater(kResyncRetryMs);
  EXPECT_EQ(source_.asked, 3);
}

TEST_F(ResyncerTest, WhatCouldNotBeMergedIsTriedAgainWhenTheTablesHaveChangedHere) {
  FailToMerge();
  StepLater(kResyncRetryMs);
  AppliedState applied = shared_.applied();
  applied.schema_fingerprint = 7;
  shared_.SetApplied(applied);
  FailToMerge();
  EXPECT_EQ(source_.asked, 1);
}

}  // namespace
}  // namespace harmonylite::node
