#include "node/verify/compare_rows.h"

#include <gtest/gtest.h>

#include "node/verify/verify_test_util.h"

namespace harmonylite::node {
namespace {

NodeRows Of(uint64_t node, std::map<uint64_t, int64_t> progress, std::vector<RowMark> rows) {
  NodeRows out;
  out.origin = Node(node);
  for (const auto& [origin, lseq] : progress) out.progress.Advance(Node(origin), Lseq(lseq));
  out.rows = std::move(rows);
  return out;
}

std::vector<FindingKind> Kinds(const std::vector<NodeRows>& nodes) {
  std::vector<FindingKind> out;
  for (const Finding& finding : CompareRows("t", nodes)) out.push_back(finding.kind);
  return out;
}

using K = std::vector<FindingKind>;

TEST(CompareRows, ChangesOnTheirWayAreNoDifference) {
  // Node 2 has not applied change 5 of node 1.
  EXPECT_EQ(Kinds({Of(1, {{1, 5}}, {Row(1, 10, 1, 5)}), Of(2, {{1, 4}}, {Row(1, 9, 1, 3)})}), K{});
  EXPECT_EQ(Kinds({Of(1, {{1, 5}}, {Row(1, 10, 1, 5)}), Of(2, {{1, 4}}, {})}), K{});
  // Node 2 wrote the row, or deleted it and forgot the tombstone, after node 1 was looked at.
  EXPECT_EQ(
      Kinds({Of(1, {{1, 5}}, {Row(1, 10, 1, 5)}), Of(2, {{1, 5}, {2, 9}}, {Row(1, 11, 2, 9)})}),
      K{});
  EXPECT_EQ(Kinds({Of(1, {{1, 5}}, {Row(1, 10, 1, 5)}), Of(2, {{1, 5}, {2, 9}}, {})}), K{});
}

// Two of three nodes lack the key, so the pairs are compared in every order.
TEST(CompareRows, ARowThatOneOfManyNodesHas) {
  const NodeRows has = Of(1, {{1, 5}}, {Row(1, 10, 1, 5)});
  EXPECT_EQ(Kinds({has, Of(2, {{1, 4}}, {}), Of(3, {{1, 3}}, {})}), K{});
  EXPECT_EQ(Kinds({Of(2, {{1, 4}}, {}), Of(3, {{1, 3}}, {}), has}), K{});
  EXPECT_EQ(Kinds({Of(2, {{1, 4}}, {}), Of(3, {{1, 5}}, {}), has}), K{FindingKind::kAbsent});
}

TEST(CompareRows, OneVersionIsOneImageAtAnyProgress) {
  EXPECT_EQ(Kinds({Of(1, {{1, 9}}, {Row(1, 10, 1, 5)}), Of(2, {{1, 6}}, {Row(1, 11, 1, 5)})}),
            K{FindingKind::kDiffers});
  EXPECT_EQ(Kinds({Of(1, {}, {Row(1, 10, 0, 0)}), Of(2, {}, {Row(1, 11, 0, 0)})}),
            K{FindingKind::kDiffers});
}

TEST(CompareRows, AMigrationIsNoDifference) {
  NodeRows migrated = Of(2, {{1, 5}}, {Row(1, 11, 1, 5)});
  migrated.schema = 1;
  EXPECT_EQ(Kinds({Of(1, {{1, 5}}, {Row(1, 10, 1, 5)}), migrated}), K{});
  VerifyAnswer before;
  before.body = TableDigests{{{"t", 1, 0, 0, false, 4, 5, 6}}, {}};
  VerifyAnswer after = before;
  after.As<TableDigests>().tables[0].images = 7;
  EXPECT_EQ(DifferingTables(before, after), std::set<std::string>{"t"});
  after.schema = 1;
  EXPECT_EQ(DifferingTables(before, after), std::set<std::string>{});
}

// One node has made a UNIQUE index and shadows a row, and the other one will.
TEST(CompareRows, OtherUniqueIndexesShadowOtherRows) {
  VerifyAnswer without;
  without.body = TableDigests{{{"t", 3, 0, 0, false, 6, 30, 0, 0}}, {}};
  VerifyAnswer with = without;
  with.body = TableDigests{{{"t", 2, 1, 0, false, 4, 20, 10, 0}}, {}};
  EXPECT_EQ(DifferingTables(without, with), std::set<std::string>{"t"});
  with.As<TableDigests>().tables[0].uniques = 1;
  EXPECT_EQ(DifferingTables(without, with), std::set<std::string>{});
  with.As<TableDigests>().tables[0].versions = 21;
  EXPECT_EQ(DifferingTables(without, with), std::set<std::string>{"t"});
}

TEST(CompareRows, WhatBothKnowMustBeTheSame) {
  EXPECT_EQ(Kinds({Of(1, {{1, 5}, {2, 3}}, {Row(1, 10, 1, 5)}),
                   Of(2, {{1, 5}, {2, 3}}, {Row(1, 11, 2, 3)})}),
            K{FindingKind::kVersions});
  EXPECT_EQ(Kinds({Of(1, {{1, 5}}, {Row(1, 10, 1, 5)}), Of(2, {{1, 5}}, {})}),
            K{FindingKind::kAbsent});
}

TEST(CompareRows, VisibilityCountsAtEqualProgressOnly) {
  RowMark shadowed = Row(1, 10, 1, 5);
  shadowed.shadowed = true;
  EXPECT_EQ(Kinds({Of(1, {{1, 5}}, {Row(1, 10, 1, 5)}), Of(2, {{1, 5}}, {shadowed})}),
            K{FindingKind::kHidden});
  EXPECT_EQ(Kinds({Of(1, {{1, 6}}, {Row(1, 10, 1, 5)}), Of(2, {{1, 5}}, {shadowed})}), K{});
}

Repair Plan(const std::vector<NodeRows>& nodes) {
  const auto findings = CompareRows("t", nodes);
  EXPECT_EQ(findings.size(), 1u);
  return PlanRepair(findings.at(0)).value();
}

TEST(PlanRepair, WhoeverHasTheRightImageSendsIt) {
  RowMark damaged = Row(1, 11, 1, 5);
  damaged.damage = capture::RowDamage::kAltered;
  const Repair repair = Plan({Of(1, {{1, 5}}, {damaged}), Of(2, {{1, 5}}, {Row(1, 10, 1, 5)})});
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, OrderKind::kResend);
}

TEST(PlanRepair, WhatWasSentAgainInVainIsANewWrite) {
  RowMark damaged = Row(1, 11, 1, 5);
  damaged.damage = capture::RowDamage::kAltered;
  const auto findings =
      CompareRows("t", {Of(1, {{1, 5}}, {damaged}), Of(2, {{1, 5}}, {Row(1, 10, 1, 5)})});
  const Repair repair = PlanRepair(findings.at(0), /*resent=*/true).value();
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, OrderKind::kJournal);
}

TEST(PlanRepair, WhatNobodyElseHasIsANewWrite) {
  RowMark unwritten = Row(1, 11, 0, 0);
  unwritten.damage = capture::RowDamage::kUnwritten;
  const Repair repair = Plan({Of(1, {{1, 5}}, {}), Of(2, {{1, 5}}, {unwritten})});
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, OrderKind::kJournal);
}

TEST(PlanRepair, ADeletedRowThatIsThereGoes) {
  RowMark risen = Row(1, 0, 1, 5);
  risen.image = 11;
  risen.damage = capture::RowDamage::kUnwritten;
  const Repair repair = Plan({Of(1, {{1, 5}}, {Row(1, 0, 1, 5)}), Of(2, {{1, 5}}, {risen})});
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, OrderKind::kRemove);
}

// The row was deleted unseen before its change was sent, so the change went out as a delete.
TEST(PlanRepair, AMissingRowThatTheOthersHoldForDeletedIsDeletedAnew) {
  RowMark missing = Row(1, 0, 2, 5);
  missing.deleted = false;
  missing.damage = capture::RowDamage::kMissing;
  const Repair repair = Plan({Of(1, {{2, 5}}, {Row(1, 0, 2, 5)}), Of(2, {{2, 5}}, {missing})});
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, OrderKind::kJournal);
}

TEST(PlanRepair, OfSeveralThatClaimToBeRightTheWriterIs) {
  EXPECT_EQ(Plan({Of(1, {{2, 5}}, {Row(1, 10, 2, 5)}), Of(2, {{2, 5}}, {Row(1, 11, 2, 5)})}).node,
            NodeId(2));
  EXPECT_EQ(Plan({Of(4, {{2, 5}}, {Row(1, 10, 2, 5)}), Of(3, {{2, 5}}, {Row(1, 11, 2, 5)})}).node,
            NodeId(3));
}

}  // namespace
}  // namespace harmonylite::node
