#include "node/verify/verify_wire.h"

#include <gtest/gtest.h>

#include "node/verify/verify_replies.h"
#include "node/verify/verify_test_util.h"

namespace harmonylite::node {
namespace {

NamedRow Altered(const std::string& table) {
  NamedRow row{table, Row(1, 2, 1, 5)};
  row.mark.damage = capture::RowDamage::kAltered;
  row.mark.shadowed = true;
  return row;
}

const VerifyRequest kDigestAsked{.id = "c1"};
const VerifyRequest kBucketsAsked{
    .id = "c1", .what = VerifyQuestion{.kind = QuestionKind::kBuckets, .table = "t"}};
const VerifyRequest kRowsAsked{.id = "c1",
                               .what = VerifyQuestion{QuestionKind::kRows, "a b%\n", {0, 1023}}};
const VerifyRequest kOrder{
    .id = "c1",
    .to = NodeId(3),
    .what = VerifyOrder{OrderKind::kResend, "t", {Row(~0ull, 10, 1, 5), Row(2, 0, 0, 0)}}};

VerifyAnswer Answer() {
  VerifyAnswer answer;
  answer.origin = Node(9);
  answer.joined = false;
  answer.settled = false;
  answer.schema = ~0ull;
  answer.progress.Advance(Node(1), Lseq(5));
  return answer;
}

// An answer in the registry, in its pieces.
std::map<std::string, ports::MetaEntry> Stored(const VerifyAnswer& answer) {
  std::map<std::string, ports::MetaEntry> out;
  const std::vector<std::string> pieces = EncodeVerifyAnswer(answer);
  for (size_t i = 0; i < pieces.size(); ++i)
    out[VerifyAnswerKey("c1", answer.origin.node, i)].value = pieces[i];
  return out;
}

void ExpectToComeBack(const VerifyRequest& request, VerifyAnswer answer,
                      const decltype(VerifyAnswer::body)& body) {
  answer.body = body;
  const VerifyReplies replies = CollectReplies(Stored(answer), request);
  ASSERT_EQ(replies.answers.size(), 1u);
  EXPECT_EQ(replies.answers.at(answer.origin.node), answer);
}

TEST(VerifyWire, RequestsComeBackAsTheyWere) {
  for (const VerifyRequest& request : {kDigestAsked, kBucketsAsked, kRowsAsked, kOrder})
    EXPECT_EQ(DecodeVerifyRequest("c1", EncodeVerifyRequest(request)).value(), request);
}

TEST(VerifyWire, AnswersComeBackAsTheyWere) {
  ExpectToComeBack(
      kDigestAsked, Answer(),
      TableDigests{{{"a b", 1, 2, 3, true, 4, 5, ~0ull, 7}}, {Altered("a b"), Altered("")}});
  ExpectToComeBack(kBucketsAsked, Answer(), BucketDigests{true, {1, 255}, {3, 4}});
  ExpectToComeBack(kRowsAsked, Answer(), BucketRows{true, {Row(3, 0, 1, 4)}, true});
  ExpectToComeBack(kRowsAsked, Answer(), BucketRows{});
  ExpectToComeBack(kOrder, Answer(), RowsTouched{6});
  ExpectToComeBack(kOrder, Answer(), VerifyFailure{"not now"});
}

// What these functions write is what builds before and after this one read.
TEST(VerifyWire, TheTextIsTheOneOfTheFormat) {
  EXPECT_EQ(EncodeVerifyRequest(kDigestAsked), "harmonylite-verify 1\nkind digest\n");
  EXPECT_EQ(EncodeVerifyRequest(kRowsAsked),
            "harmonylite-verify 1\nkind rows\ntable a%20b%25%0a\nbucket 0\nbucket 1023\n");
  EXPECT_EQ(EncodeVerifyRequest(kOrder),
            "harmonylite-verify 1\nkind resend\nto 3\ntable t\n"
            "row ffffffffffffffff a 0 0 1 1 7 5 5 - it's%20100%20%25%20%0a\n"
            "row 2 0 0 0 0 0 7 0 0 - it's%20100%20%25%20%0a\n");

  const auto text = [](VerifyAnswer answer, const decltype(VerifyAnswer::body)& body) {
    answer.body = body;
    const std::vector<std::string> pieces = EncodeVerifyAnswer(answer);
    return pieces.size() == 1 ? pieces[0] : "more than one piece";
  };
  const auto head = [](int had_rows) {
    return fmt::format(
        "harmonylite-verify-answer 1\norigin 9 7\njoined 0\ncompared 1\nsettled 0\n"
        "schema ffffffffffffffff\nhad_rows {}\ndone 0\nprogress 1 7 5\n",
        had_rows);
  };
  EXPECT_EQ(text(Answer(), TableDigests{{{"a b", 1, 2, 3, true, 4, 5, ~0ull, 7}},
                                        {Altered("a b"), {"", Row(3, 0, 1, 4)}}}),
            head(0) +
                "table a%20b 1 2 3 1 4 5 ffffffffffffffff 7\n"
                "row 1 2 1 0 1 1 7 5 5 altered it's%20100%20%25%20%0a\n"
                "row 3 0 0 1 1 1 7 4 4 - it's%20100%20%25%20%0a\n"
                "of a%20b\nof %\nend\n");
  EXPECT_EQ(text(Answer(), BucketDigests{true, {1, 255}, {3, 4}}),
            head(1) + "bucket 1 3\nbucket ff 4\nend\n");
  EXPECT_EQ(text(Answer(), BucketRows{true, {Row(3, 0, 1, 4)}, true}),
            head(1) + "row 3 0 0 1 1 1 7 4 4 - it's%20100%20%25%20%0a\ncut\nend\n");
  EXPECT_EQ(
      text({.origin = Node(9)}, RowsTouched{6}),
      "harmonylite-verify-answer 1\norigin 9 7\njoined 1\ncompared 1\nsettled 1\nschema 0\nhad_rows 0\n"
      "done 6\nend\n");
  EXPECT_EQ(
      text({.origin = Node(9)}, VerifyFailure{"not now"}),
      "harmonylite-verify-answer 1\norigin 9 7\njoined 1\ncompared 1\nsettled 1\nschema 0\nhad_rows 0\n"
      "done 0\nfailure not%20now\nend\n");
}

TEST(VerifyReplies, AnAnswerInPiecesCountsWhenItIsWhole) {
  BucketRows rows;
  for (uint64_t i = 0; i < 20'000; ++i) rows.rows.push_back(Row(i, i, 1, 5));
  VerifyAnswer answer = Answer();
  answer.body = rows;
  std::map<std::string, ports::MetaEntry> entries = Stored(answer);
  EXPECT_GT(entries.size(), 1u);
  EXPECT_EQ(CollectReplies(entries, kRowsAsked).answers.at(NodeId(9)), answer);
  entries.erase(VerifyAnswerKey("c1", NodeId(9), entries.size() - 1));
  EXPECT_TRUE(CollectReplies(entries, kRowsAsked).answers.empty());
}

TEST(VerifyReplies, OnlyThoseToTheRequestCount) {
  std::map<std::string, ports::MetaEntry> entries;
  entries[VerifyWorkingKey("c1", NodeId(2))] = {};
  entries[VerifyWorkingKey("c2", NodeId(4))] = {};
  entries["verify.answer.c1.x.0"].value = "harmonylite-verify-answer 1\nend\n";
  entries["verify.answer.c1.5.0"].value = "harmonylite-verify-answer 1\nprogress 1 2\nend\n";
  const VerifyReplies replies = CollectReplies(entries, kDigestAsked);
  EXPECT_EQ(replies.working, std::vector<NodeId>{NodeId(2)});
  EXPECT_TRUE(replies.answers.empty());
}

TEST(VerifyWire, DamagedTextIsRefused) {
  EXPECT_FALSE(DecodeVerifyRequest("x", "something else").ok());
  EXPECT_FALSE(DecodeVerifyRequest("x", "harmonylite-verify 1\nkind nothing\n").ok());
  EXPECT_FALSE(DecodeVerifyRequest("x", "harmonylite-verify 1\nbucket 1024\n").ok());
  EXPECT_TRUE(DecodeVerifyRequest("x", "harmonylite-verify 1\nof a later version\n").ok());
  EXPECT_FALSE(
      DecodeVerifyAnswer(kDigestAsked, {"harmonylite-verify-answer 1\nprogress 1 2\nend\n"}).ok());
}

}  // namespace
}  // namespace harmonylite::node
