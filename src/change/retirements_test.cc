// Tests of reading vectors that leave out retired origins.
#include "change/retirements.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace harmonylite::change {
namespace {

constexpr Origin kFormer{NodeId(1), Incarnation(1)};
constexpr Origin kLater{NodeId(1), Incarnation(2)};
constexpr Origin kNow{NodeId(1), Incarnation(3)};
constexpr Origin kOther{NodeId(2), Incarnation(1)};

ProgressVector At(const std::vector<std::pair<Origin, int64_t>>& entries) {
  ProgressVector out;
  for (const auto& [origin, lseq] : entries) out.Advance(origin, Lseq(lseq));
  return out;
}

Retirements Known(const std::vector<Retirement>& all) {
  Retirements out;
  for (const Retirement& one : all) out.Add(one);
  return out;
}

Lseq Has(const ProgressVector& vector, const Retirements& known, const Origin& origin) {
  return Knowledge(vector, known, kOther, Lseq(7)).Get(origin);
}

TEST(Retirements, WhoHasTheChangeHasTheRetiredOrigin) {
  const Retirements known = Known({{kFormer, Lseq(9), kLater, Lseq(20)}});
  EXPECT_EQ(Has(At({{kLater, 20}}), known, kFormer), Lseq(9));
  EXPECT_EQ(Has(At({{kLater, 19}}), known, kFormer), Lseq(0));
  EXPECT_EQ(Has(At({{kLater, 19}, {kFormer, 4}}), known, kFormer), Lseq(4));
}

TEST(Retirements, AnEntryThatSaysMoreCounts) {
  const Retirements known = Known({{kFormer, Lseq(9), kLater, Lseq(20)}});
  EXPECT_EQ(Has(At({{kLater, 20}, {kFormer, 12}}), known, kFormer), Lseq(12));
}

TEST(Retirements, OneRetirementLeadsToTheNext) {
  const Retirements known =
      Known({{kFormer, Lseq(9), kLater, Lseq(20)}, {kLater, Lseq(25), kNow, Lseq(31)}});
  EXPECT_EQ(Has(At({{kNow, 31}}), known, kFormer), Lseq(9));
  EXPECT_EQ(Has(At({{kNow, 31}}), known, kLater), Lseq(25));
  EXPECT_EQ(Has(At({{kNow, 30}}), known, kFormer), Lseq(0));
}

TEST(Retirements, ANodeHasItsOwnChanges) {
  const Retirements known = Known({{kFormer, Lseq(9), kOther, Lseq(7)}});
  EXPECT_EQ(Has({}, known, kOther), Lseq(7));
  EXPECT_EQ(Has({}, known, kFormer), Lseq(9)) << "the retirement is by the node itself";
}

TEST(Retirements, TheLastOneThatIsCoveredCounts) {
  const Retirements known =
      Known({{kFormer, Lseq(9), kLater, Lseq(20)}, {kFormer, Lseq(11), kLater, Lseq(30)}});
  EXPECT_EQ(Has(At({{kLater, 25}}), known, kFormer), Lseq(9));
  EXPECT_EQ(Has(At({{kLater, 30}}), known, kFormer), Lseq(11));
}

TEST(Retirements, ACircleEnds) {
  const Retirements known =
      Known({{kFormer, Lseq(9), kLater, Lseq(20)}, {kLater, Lseq(25), kFormer, Lseq(5)}});
  EXPECT_EQ(Has({}, known, kFormer), Lseq(0));
  EXPECT_EQ(Has(At({{kFormer, 5}}), known, kLater), Lseq(25));
}

// Each of the two origins retires the other one many times. There are 40 ways through each link.
TEST(Retirements, TheWaysThroughACircleDoNotMultiply) {
  std::vector<Retirement> all;
  for (int64_t i = 1; i <= 40; ++i) {
    all.push_back({kFormer, Lseq(i), kLater, Lseq(i + 1)});
    all.push_back({kLater, Lseq(i), kFormer, Lseq(i + 1)});
  }
  const Retirements known = Known(all);
  EXPECT_EQ(Has({}, known, kFormer), Lseq(0));
  EXPECT_EQ(Has(At({{kLater, 9}}), known, kFormer), Lseq(8));
}

TEST(Retirements, ExpandedNamesWhatWasLeftOut) {
  const Retirements known = Known({{kFormer, Lseq(9), kLater, Lseq(20)}});
  const ProgressVector vector = At({{kLater, 20}});
  EXPECT_EQ(Knowledge(vector, known, kOther, Lseq(7)).Expanded(), At({{kLater, 20}, {kFormer, 9}}));
}

}  // namespace
}  // namespace harmonylite::change
