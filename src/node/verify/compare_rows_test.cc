#include "node/verify/compare_rows.h"

#include <gtest/gtest.h>

namespace harmonylite::node {
namespace {

Origin Node(uint64_t node) { return {NodeId(node), Incarnation(7)}; }

RowMark Row(uint64_t key, uint64_t image, uint64_t writer, int64_t lseq) {
  RowMark row;
  row.key = key;
  row.image = image;
  row.versioned = writer != 0;
  row.origin = Node(writer);
  row.lseq = Lseq(lseq);
  row.stamp = Hlc(lseq);
  row.deleted = writer != 0 && image == 0;
  row.key_text = "it's 100 % \n";
  return row;
}

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
  before.tables.push_back({"t", 1, 0, 0, false, 4, 5, 6});
  VerifyAnswer after = before;
  after.tables[0].images = 7;
  EXPECT_EQ(DifferingTables(before, after), std::set<std::string>{"t"});
  after.schema = 1;
  EXPECT_EQ(DifferingTables(before, after), std::set<std::string>{});
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
  EXPECT_EQ(repair.kind, VerifyKind::kResend);
}

TEST(PlanRepair, WhatWasSentAgainInVainIsANewWrite) {
  RowMark damaged = Row(1, 11, 1, 5);
  damaged.damage = capture::RowDamage::kAltered;
  const auto findings =
      CompareRows("t", {Of(1, {{1, 5}}, {damaged}), Of(2, {{1, 5}}, {Row(1, 10, 1, 5)})});
  const Repair repair = PlanRepair(findings.at(0), /*resent=*/true).value();
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, VerifyKind::kJournal);
}

TEST(PlanRepair, WhatNobodyElseHasIsANewWrite) {
  RowMark unwritten = Row(1, 11, 0, 0);
  unwritten.damage = capture::RowDamage::kUnwritten;
  const Repair repair = Plan({Of(1, {{1, 5}}, {}), Of(2, {{1, 5}}, {unwritten})});
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, VerifyKind::kJournal);
}

TEST(PlanRepair, ADeletedRowThatIsThereGoes) {
  RowMark risen = Row(1, 0, 1, 5);
  risen.image = 11;
  risen.damage = capture::RowDamage::kUnwritten;
  const Repair repair = Plan({Of(1, {{1, 5}}, {Row(1, 0, 1, 5)}), Of(2, {{1, 5}}, {risen})});
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, VerifyKind::kRemove);
}

// The row was deleted unseen before its change was sent, so the change went out as a delete.
TEST(PlanRepair, AMissingRowThatTheOthersHoldForDeletedIsDeletedAnew) {
  RowMark missing = Row(1, 0, 2, 5);
  missing.deleted = false;
  missing.damage = capture::RowDamage::kMissing;
  const Repair repair = Plan({Of(1, {{2, 5}}, {Row(1, 0, 2, 5)}), Of(2, {{2, 5}}, {missing})});
  EXPECT_EQ(repair.node, NodeId(2));
  EXPECT_EQ(repair.kind, VerifyKind::kJournal);
}

TEST(PlanRepair, OfSeveralThatClaimToBeRightTheWriterIs) {
  EXPECT_EQ(Plan({Of(1, {{2, 5}}, {Row(1, 10, 2, 5)}), Of(2, {{2, 5}}, {Row(1, 11, 2, 5)})}).node,
            NodeId(2));
  EXPECT_EQ(Plan({Of(4, {{2, 5}}, {Row(1, 10, 2, 5)}), Of(3, {{2, 5}}, {Row(1, 11, 2, 5)})}).node,
            NodeId(3));
}

TEST(VerifyWire, RequestsAndAnswersComeBackAsTheyWere) {
  VerifyRequest request;
  request.id = "c1";
  request.kind = VerifyKind::kResend;
  request.to = NodeId(3);
  request.table = "a b%\n";
  request.buckets = {0, 1023};
  request.rows = {Row(~0ull, 10, 1, 5), Row(2, 0, 0, 0)};
  EXPECT_EQ(DecodeVerifyRequest("c1", EncodeVerifyRequest(request)).value(), request);

  VerifyAnswer answer;
  answer.origin = Node(9);
  answer.joined = false;
  answer.settled = false;
  answer.schema = ~0ull;
  answer.progress.Advance(Node(1), Lseq(5));
  answer.failure = "not now";
  answer.tables = {{"a b", 1, 2, 3, true, 4, 5, ~0ull}};
  for (uint64_t i = 0; i < 20'000; ++i) answer.rows.push_back(Row(i, i, 1, 5));
  answer.row_tables = {"a b", ""};
  answer.images = {1, 2};
  answer.versions = {3, 4};
  answer.cut = true;
  answer.done = 6;
  const std::vector<std::string> pieces = EncodeVerifyAnswer(answer);
  EXPECT_GT(pieces.size(), 1u);
  std::vector<std::string_view> views(pieces.begin(), pieces.end());
  EXPECT_TRUE(IsWholeAnswer(views));
  EXPECT_EQ(DecodeVerifyAnswer(views).value(), answer);
  views.pop_back();
  EXPECT_FALSE(IsWholeAnswer(views));
}

TEST(VerifyWire, DamagedTextIsRefused) {
  EXPECT_FALSE(DecodeVerifyRequest("x", "something else").ok());
  EXPECT_FALSE(DecodeVerifyRequest("x", "harmonylite-verify 1\nkind nothing\n").ok());
  EXPECT_FALSE(DecodeVerifyRequest("x", "harmonylite-verify 1\nbucket 1024\n").ok());
  EXPECT_TRUE(DecodeVerifyRequest("x", "harmonylite-verify 1\nof a later version\n").ok());
  EXPECT_FALSE(DecodeVerifyAnswer({"harmonylite-verify-answer 1\nprogress 1 2\nend\n"}).ok());
  EXPECT_FALSE(ParseReplyKey("verify.answer.c1.x.0").has_value());
  EXPECT_TRUE(ParseReplyKey(VerifyWorkingKey("c1", NodeId(2)))->working);
  EXPECT_EQ(ParseReplyKey(VerifyAnswerKey("c1", NodeId(2), 3))->piece, 3u);
}

}  // namespace
}  // namespace harmonylite::node
