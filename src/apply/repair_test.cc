// Tests that a repair batch takes its receiver from one state to a later one, whatever its sender
// has folded or trimmed.
#include <gtest/gtest.h>

#include <random>

#include "apply/apply_test_util.h"

namespace harmonylite::apply {
namespace {

constexpr const char* kTables =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
    "CREATE TABLE u(k TEXT COLLATE NOCASE PRIMARY KEY, l) WITHOUT ROWID;";

class RepairTest : public testing::Test {
 protected:
  // Checks that both nodes have the same versions. Origins are compared rather than their indexes,
  // which are local, and keys may be spelled differently.
  void ExpectSameState(ApplyNode* a, ApplyNode* b) {
    EXPECT_EQ(a->Rows(), b->Rows());
    a->FoldAll();
    b->FoldAll();
    for (const char* table : {"t", "u"}) EXPECT_EQ(Versions(a, table), Versions(b, table)) << table;
  }
  static std::vector<std::string> Versions(ApplyNode* node, const char* table) {
    return node->Query("SELECT lower(k1), hlc, node, incarnation, lseq, gone FROM " +
                       ledger::VersionTableName(node->catalog.ByName(table)->id) +
                       " JOIN __harmonylite__nodes USING(n) ORDER BY 1");
  }
  void WriteMuch(ApplyNode* node, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string id = std::to_string(random_() % 30);
      switch (random_() % 4) {
        case 0:
          node->App("REPLACE INTO t VALUES(" + id + ", " + std::to_string(i) + ")");
          break;
        case 1:
          node->App("DELETE FROM t WHERE id = " + id);
          break;
        case 2:
          node->App("UPDATE t SET a = a || 'x' WHERE id > " + id);
          break;
        default:
          node->App("REPLACE INTO u VALUES('" + std::string(1, "aAbBcC"[random_() % 6]) + "', " +
                    id + ")");
      }
    }
  }
  std::mt19937 random_{7};
  ApplyNode one_{kTables, 1};
  ApplyNode two_{kTables, 2};
  ApplyNode fresh_{kTables, 3};
};

TEST_F(RepairTest, NothingToTell) {
  EXPECT_FALSE(one_.Repair({}).has_value());
  one_.App("INSERT INTO t VALUES(1, 1)");
  two_.ApplyFrom(&one_);
  EXPECT_FALSE(two_.Repair(two_.Progress()).has_value());
  EXPECT_TRUE(two_.Repair({}).has_value());
}

TEST_F(RepairTest, UnfoldedEntriesOnly) {
  WriteMuch(&one_, 50);
  fresh_.Apply(*one_.Repair({}));
  ExpectSameState(&one_, &fresh_);
}

TEST_F(RepairTest, FoldedAndUnfoldedEntries) {
  WriteMuch(&one_, 50);
  one_.FoldAll();
  WriteMuch(&one_, 50);
  one_.FoldSome(10);
  fresh_.Apply(*one_.Repair({}));
  ExpectSameState(&one_, &fresh_);
}

TEST_F(RepairTest, AfterTheJournalIsTrimmed) {
  WriteMuch(&one_, 50);
  const auto published = one_.Publish();
  one_.FoldAll();
  one_.Write([&] {
    sqlite::Must(capture::RaiseClock(&one_.db, HlcFromMillis(SystemClock().WallMs() + 1000)));
    sqlite::Must(capture::Fold(&one_.db, one_.catalog, &one_.state, 1000));
    const ledger::State wanted = one_.state;
    sqlite::Must(ledger::SaveState(&one_.db, wanted, ledger::State{}));
    EXPECT_TRUE(sqlite::Must(capture::Trim(&one_.db, one_.state, 100'000)));
  });
  const auto repair = one_.Repair({});
  ASSERT_TRUE(repair.has_value());
  EXPECT_EQ(repair->to, published->to);
  fresh_.Apply(*repair);
  EXPECT_EQ(fresh_.Progress().Get(one_.self), published->to);
  ExpectSameState(&one_, &fresh_);
}

TEST_F(RepairTest, ChangesOfEveryOrigin) {
  WriteMuch(&one_, 40);
  two_.ApplyFrom(&one_);
  WriteMuch(&two_, 40);
  one_.ApplyFrom(&two_);
  WriteMuch(&one_, 40);
  two_.ApplyFrom(&one_);
  const auto repair = two_.Repair({});
  ASSERT_TRUE(repair.has_value());
  EXPECT_EQ(repair->header.covers.size(), 2u);
  EXPECT_EQ(repair->header.covers[0].origin, two_.self);
  fresh_.Apply(*repair);
  ExpectSameState(&two_, &fresh_);
  EXPECT_EQ(fresh_.Progress().Get(one_.self), two_.Progress().Get(one_.self));
  // After the repair, ordinary batches follow.
  WriteMuch(&one_, 10);
  const auto batch = one_.Publish();
  fresh_.Apply(*batch);
  two_.Apply(*batch);
  ExpectSameState(&two_, &fresh_);
}

TEST_F(RepairTest, OnlyWhatIsMissing) {
  one_.App("INSERT INTO t VALUES(1, 1), (2, 2), (3, 3)");
  fresh_.ApplyFrom(&one_);
  one_.App("UPDATE t SET a = 'new' WHERE id = 2; DELETE FROM t WHERE id = 3");
  const auto lost = one_.Publish();
  ASSERT_TRUE(lost.has_value());
  one_.FoldAll();
  one_.App("INSERT INTO t VALUES(4, 4)");
  const auto repair = one_.Repair(fresh_.Progress());
  ASSERT_TRUE(repair.has_value());
  EXPECT_EQ(repair->rows, 3u);
  EXPECT_EQ(repair->header.covers[0].from, fresh_.Progress().Get(one_.self));
  fresh_.Apply(*repair);
  ExpectSameState(&one_, &fresh_);
}

TEST_F(RepairTest, ADeleteOfARowThatCameBackUnseen) {
  one_.App("INSERT INTO t VALUES(1, 1), (2, 2)");
  fresh_.ApplyFrom(&one_);
  one_.App("DELETE FROM t WHERE id = 1");
  ASSERT_TRUE(one_.Publish().has_value());
  one_.FoldAll();
  one_.app.EnableTriggers(false);
  one_.App("INSERT INTO t VALUES(1, 'unseen')");
  one_.app.EnableTriggers(true);
  fresh_.Apply(*one_.Repair(fresh_.Progress()));
  EXPECT_EQ(Versions(&one_, "t"), Versions(&fresh_, "t"));
  EXPECT_FALSE(fresh_.Rows().contains("t:1"));
}

TEST_F(RepairTest, LocalWorkOfTheReceiverSurvives) {
  WriteMuch(&one_, 30);
  fresh_.App("INSERT INTO t VALUES(1000, 'mine')");
  fresh_.Apply(*one_.Repair({}));
  EXPECT_EQ(fresh_.Rows().at("t:1000"), "1000|'mine'");
  one_.ApplyFrom(&fresh_);
  ExpectSameState(&one_, &fresh_);
}

TEST_F(RepairTest, AnOverwrittenRowOfAnotherOriginThatIsNotFoldedYet) {
  one_.App("INSERT INTO t VALUES(1, 'one'), (2, 'one'), (3, 'one'); INSERT INTO u VALUES('k', 1)");
  two_.ApplyFrom(&one_);
  // These writes are not folded: the versions still name node one, but the rows are newer.
  two_.App(
      "UPDATE t SET a = 'two' WHERE id = 1; DELETE FROM t WHERE id = 2;"
      "UPDATE u SET k = 'K', l = 2");
  fresh_.Apply(*two_.Repair({}));
  ExpectSameState(&two_, &fresh_);
}

}  // namespace
}  // namespace harmonylite::apply
