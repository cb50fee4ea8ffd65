#include "merge/resolve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace harmonylite::merge {
namespace {

using change::ProgressVector;
using change::Version;

constexpr Origin kOne{NodeId(1), Incarnation(1)};
constexpr Origin kTwo{NodeId(2), Incarnation(1)};

Version At(int64_t hlc, Origin origin) { return {Hlc(hlc), origin}; }
LocalVersion Local(int64_t hlc, Origin origin, int64_t lseq) {
  return {At(hlc, origin), Lseq(lseq)};
}
ProgressVector Seen(Origin origin, int64_t lseq) {
  ProgressVector out;
  out.Advance(origin, Lseq(lseq));
  return out;
}

Decision Resolve(const std::optional<LocalVersion>& local, const Version& incoming,
                 const ProgressVector& seen, bool local_seen_incoming) {
  return merge::Resolve(local, incoming, change::Knowledge(seen), local_seen_incoming);
}

TEST(ResolveTest, ARowWithoutVersionTakesAnything) {
  const Decision decision = Resolve(std::nullopt, At(1, kTwo), {}, false);
  EXPECT_EQ(decision.outcome, Outcome::kIncomingWins);
  EXPECT_FALSE(decision.concurrent);
}

TEST(ResolveTest, TheSameWriteIsNoNews) {
  const Decision decision = Resolve(Local(5, kTwo, 3), At(5, kTwo), {}, false);
  EXPECT_EQ(decision.outcome, Outcome::kSame);
  EXPECT_FALSE(decision.concurrent);
}

TEST(ResolveTest, LaterStampsWin) {
  EXPECT_EQ(Resolve(Local(5, kOne, 1), At(6, kTwo), {}, false).outcome, Outcome::kIncomingWins);
  EXPECT_EQ(Resolve(Local(6, kOne, 1), At(5, kTwo), {}, false).outcome, Outcome::kLocalWins);
}

TEST(ResolveTest, EqualStampsAreDecidedByTheOrigin) {
  EXPECT_EQ(Resolve(Local(5, kOne, 1), At(5, kTwo), {}, false).outcome, Outcome::kIncomingWins);
  EXPECT_EQ(Resolve(Local(5, kTwo, 1), At(5, kOne), {}, false).outcome, Outcome::kLocalWins);
  const Origin later{NodeId(1), Incarnation(2)};
  EXPECT_EQ(Resolve(Local(5, kOne, 1), At(5, later), {}, false).outcome, Outcome::kIncomingWins);
}

TEST(ResolveTest, AWriteThatKnewTheOtherIsNoConflict) {
  EXPECT_FALSE(Resolve(Local(5, kOne, 7), At(6, kTwo), Seen(kOne, 7), false).concurrent);
  EXPECT_TRUE(Resolve(Local(5, kOne, 7), At(6, kTwo), Seen(kOne, 6), false).concurrent);
  EXPECT_TRUE(Resolve(Local(5, kOne, 7), At(6, kTwo), {}, false).concurrent);
  EXPECT_FALSE(Resolve(Local(6, kOne, 7), At(5, kTwo), {}, true).concurrent);
  EXPECT_TRUE(Resolve(Local(6, kOne, 7), At(5, kTwo), {}, false).concurrent);
}

TEST(ResolveTest, WritesOfOneOriginAreNeverConcurrent) {
  EXPECT_FALSE(Resolve(Local(5, kTwo, 7), At(6, kTwo), {}, false).concurrent);
  EXPECT_FALSE(Resolve(Local(6, kTwo, 7), At(5, kTwo), {}, false).concurrent);
}

TEST(ResolveTest, EveryOrderOfArrivalEndsWithTheGreatest) {
  std::vector<Version> versions = {At(1, kTwo), At(2, kOne), At(2, kTwo), At(3, kOne)};
  std::sort(versions.begin(), versions.end());
  const Version greatest = versions.back();
  do {
    std::optional<LocalVersion> local;
    for (const Version& version : versions)
      if (Resolve(local, version, {}, false).outcome == Outcome::kIncomingWins)
        local = LocalVersion{version, Lseq(1)};
    EXPECT_EQ(local->version, greatest);
  } while (std::next_permutation(versions.begin(), versions.end()));
}

}  // namespace
}  // namespace harmonylite::merge
