// Tests that writes that lost to a concurrent one are kept, are named correctly, and are bounded.
#include <gtest/gtest.h>

#include "apply/apply_test_util.h"
#include "change/batch_test_util.h"
#include "ledger/conflict_log.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;
namespace kind = ledger::conflict_kind;

constexpr const char* kTable = "CREATE TABLE t(id INTEGER PRIMARY KEY, a)";

std::string Text(const std::optional<change::NamedImage>& image) {
  if (!image) return "deleted";
  std::string out;
  for (size_t i = 0; i < image->columns.size(); ++i)
    out += (i == 0 ? "" : " ") + image->columns[i] + "=" + sqlite::Render(image->values[i]);
  return out;
}

class ConflictTest : public testing::Test {
 protected:
  // Formats each conflict as "kind: loser / winner".
  static Strings List(ApplyNode* node) {
    Strings out;
    for (const auto& one : sqlite::Must(ledger::ListConflicts(&node->db, node->catalog)))
      out.push_back(one.kind + ": " + Text(one.loser.image) + " / " + Text(one.winner.image));
    return out;
  }
  void Exchange() {
    const auto from_one = one_.Publish();
    const auto from_two = two_.Publish();
    if (from_two) one_.Apply(*from_two);
    if (from_one) two_.Apply(*from_one);
  }
  // Lets both nodes write concurrently, `two_` later than `one_`.
  void Both(const char* first, const char* second) {
    one_.App(first);
    two_.FollowClockOf(&one_);
    two_.App(second);
    Exchange();
  }
  void ExpectOnBoth(const Strings& expected) {
    EXPECT_EQ(List(&one_), expected);
    EXPECT_EQ(List(&two_), expected);
  }
  ApplyNode one_{kTable, 1};
  ApplyNode two_{kTable, 2};
};

TEST_F(ConflictTest, TheSameAutomaticId) {
  Both("INSERT INTO t(a) VALUES('mine')", "INSERT INTO t(a) VALUES('yours')");
  ExpectOnBoth({"same automatic id: id=1 a='mine' / id=1 a='yours'"});
  const auto listed = sqlite::Must(ledger::ListConflicts(&one_.db, one_.catalog));
  EXPECT_EQ(listed[0].loser.origin, one_.self);
  EXPECT_EQ(listed[0].winner.origin, two_.self);
  EXPECT_LT(listed[0].loser.stamp, listed[0].winner.stamp);
  EXPECT_EQ(listed[0].table, "t");
  EXPECT_EQ(Text(listed[0].key), "id=1");
}

TEST_F(ConflictTest, TheSameAutomaticIdThoughOneWasUpdatedSince) {
  one_.App("INSERT INTO t(a) VALUES('mine')");
  one_.FollowClockOf(&two_);
  one_.FoldAll();
  one_.App("UPDATE t SET a = 'mine, again'");
  two_.FollowClockOf(&one_);
  two_.App("INSERT INTO t(a) VALUES('yours')");
  Exchange();
  ExpectOnBoth({"same automatic id: id=1 a='mine, again' / id=1 a='yours'"});
}

TEST_F(ConflictTest, AnIdThatIsTakenAgainAfterADelete) {
  one_.App("INSERT INTO t(a) VALUES('first'); DELETE FROM t");
  Exchange();
  one_.FoldAll();
  Both("INSERT INTO t(a) VALUES('mine')", "INSERT INTO t(a) VALUES('yours')");
  ExpectOnBoth({"same automatic id: id=1 a='mine' / id=1 a='yours'"});
}

TEST_F(ConflictTest, UpdatesOfARowThatBothKnew) {
  one_.App("INSERT INTO t VALUES(1, 'base')");
  Exchange();
  one_.App("UPDATE t SET a = 'known to nobody'");
  Both("UPDATE t SET a = 'mine'", "UPDATE t SET a = 'yours'");
  ExpectOnBoth({"overwritten: id=1 a='mine' / id=1 a='yours'"});
}

TEST_F(ConflictTest, AKeyThatIsNoIntegerIsNeverAutomatic) {
  const char* sql = "CREATE TABLE t(id TEXT PRIMARY KEY, a)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  a.App("INSERT INTO t VALUES('k', 1)");
  b.App("INSERT INTO t VALUES('k', 2)");
  b.ApplyFrom(&a);
  EXPECT_EQ(List(&b)[0].substr(0, 11), "overwritten");
}

TEST_F(ConflictTest, DeletesAndUpdates) {
  one_.App("INSERT INTO t VALUES(1, 'a'), (2, 'b'), (3, 'c')");
  Exchange();
  Both("UPDATE t SET a = 'kept' WHERE id = 1; DELETE FROM t WHERE id > 1",
       "DELETE FROM t WHERE id <> 2; UPDATE t SET a = 'won' WHERE id = 2");
  for (ApplyNode* node : {&one_, &two_}) {
    Strings list = List(node);
    std::sort(list.begin(), list.end());
    // Both nodes deleted row 3, so nothing was lost.
    EXPECT_EQ(list,
              (Strings{"delete lost: deleted / id=2 a='won'", "deleted: id=1 a='kept' / deleted"}));
  }
}

TEST_F(ConflictTest, WhatKnewTheOtherIsNoConflict) {
  one_.App("INSERT INTO t VALUES(1, 'a')");
  Exchange();
  two_.App("UPDATE t SET a = 'b'");
  const auto batch = two_.Publish();
  one_.Apply(*batch);
  one_.Apply(*batch);
  ExpectOnBoth({});
}

TEST_F(ConflictTest, AppliedAgainItIsListedOnce) {
  one_.App("INSERT INTO t VALUES(1, 'mine')");
  two_.FollowClockOf(&one_);
  two_.App("INSERT INTO t VALUES(1, 'yours')");
  const auto batch = one_.Publish();
  two_.Apply(*batch);
  two_.Apply(*batch);
  EXPECT_EQ(List(&two_).size(), 1u);
}

// A repair covers several origins. Here the third node's delete wins over this node's write, and
// the first node's write, later in the batch, loses to that delete.
TEST_F(ConflictTest, LosersOfSeveralOriginsInOneBatchAreAllKept) {
  two_.App("INSERT INTO t VALUES(1, 'yours')");
  const Hlc now = sqlite::Must(capture::ReadJournalEnd(&two_.db)).stamp;
  const Hlc later(now.value + 2);
  const Origin third{NodeId(3), Incarnation(1)};
  change::PlainBatch repair;
  repair.header = {
      third, {{third, Lseq(0), Lseq(1)}, {one_.self, Lseq(0), Lseq(1)}}, {}, later, {}};
  repair.items = {
      two_.catalog.tables[0].table.Shape(),
      change::PlainRow{0, 0, later, Lseq(1), true, {change::Value(change::ValueView::Integer(1))}},
      change::PlainRow{0,
                       1,
                       Hlc(now.value + 1),
                       Lseq(1),
                       false,
                       {change::Value(change::ValueView::Integer(1)),
                        change::Value(change::ValueView::Text("mine"))}}};
  capture::BuiltBatch batch{repair.header, change::MakeSpool(), Lseq(1), later};
  ASSERT_TRUE(change::Encode(repair, /*compress=*/false, &batch.bytes).ok());
  two_.Apply(batch);
  EXPECT_EQ(List(&two_),
            (Strings{"deleted: id=1 a='mine' / deleted", "deleted: id=1 a='yours' / deleted"}));
}

TEST_F(ConflictTest, ShadowedRowsAreListedWhileTheyAre) {
  const char* sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  a.App("INSERT INTO t VALUES(1, 'x')");
  b.FollowClockOf(&a);
  b.App("INSERT INTO t VALUES(2, 'x')");
  b.ApplyFrom(&a);
  EXPECT_EQ(List(&b), Strings{"shadowed: id=1 u='x' / id=2 u='x'"});
  const auto listed = sqlite::Must(ledger::ListConflicts(&b.db, b.catalog));
  EXPECT_EQ(listed[0].loser.origin, a.self);
  EXPECT_EQ(listed[0].winner.origin, b.self);
  b.Write([&] { EXPECT_EQ(sqlite::Must(ledger::ClearConflicts(&b.db)), 0); });
  EXPECT_EQ(List(&b).size(), 1u);
  b.App("DELETE FROM t WHERE id = 2");
  b.Settle();
  EXPECT_EQ(List(&b), Strings{});
}

TEST_F(ConflictTest, AShadowedLoserIsKeptWithItsImage) {
  const char* sql = "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE)";
  ApplyNode a(sql, 1);
  ApplyNode b(sql, 2);
  a.App("INSERT INTO t VALUES(1, 'x')");
  b.FollowClockOf(&a);
  b.App("INSERT INTO t VALUES(2, 'x')");
  a.ApplyFrom(&b);  // Row 1 is shadowed on its writer's node.
  b.FollowClockOf(&a);
  b.App("INSERT INTO t VALUES(1, 'other')");
  a.ApplyFrom(&b);
  EXPECT_EQ(List(&a), Strings{"same automatic id: id=1 u='x' / id=1 u='other'"});
}

TEST_F(ConflictTest, BoundedByNumberAndAge) {
  for (int id = 1; id <= 10; ++id) {
    const std::string insert = "INSERT INTO t VALUES(" + std::to_string(id) + ", ";
    Both((insert + "1)").c_str(), (insert + "2)").c_str());
  }
  ASSERT_EQ(List(&one_).size(), 10u);
  constexpr int64_t kLong = 1'000'000'000;
  one_.Write([&] { sqlite::Must(ledger::TrimConflicts(&one_.db, 4, kLong)); });
  EXPECT_EQ(List(&one_).size(), 4u);
  EXPECT_EQ(List(&one_)[0].substr(0, 26), "same automatic id: id=10 a");
  one_.App("UPDATE __harmonylite__conflicts SET at_ms = at_ms - 2000000 WHERE id < 9");
  one_.Write([&] { sqlite::Must(ledger::TrimConflicts(&one_.db, 100, 1'000'000)); });
  EXPECT_EQ(List(&one_).size(), 2u);
  one_.App("UPDATE __harmonylite__conflicts SET at_ms = 0");
  one_.Write([&] { sqlite::Must(ledger::TrimConflicts(&one_.db, 100, kLong)); });
  EXPECT_EQ(List(&one_).size(), 0u);
  one_.Write([&] { sqlite::Must(ledger::TrimConflicts(&one_.db, 100, kLong)); });
}

}  // namespace
}  // namespace harmonylite::apply
