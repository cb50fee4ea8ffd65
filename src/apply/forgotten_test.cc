// Tests that after a tombstone is forgotten the row that it deleted does not come back.
#include <gtest/gtest.h>

#include "apply/apply_test_util.h"
#include "ledger/tombstones.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;
using change::ProgressVector;

constexpr const char* kTables =
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
    "CREATE TABLE u(k TEXT COLLATE NOCASE, l, PRIMARY KEY(k, l));";

// Forgets the tombstones that `stable` covers, and returns how many there were.
int64_t Forget(ApplyNode* node, const ProgressVector& stable, int64_t limit = 1'000) {
  int64_t gone = 0;
  node->FoldAll();
  node->Write([&] {
    const auto origins = sqlite::Must(ledger::OriginTable::Load(&node->db));
    ProgressVector collected = sqlite::Must(ledger::LoadCollected(&node->db, origins));
    gone = sqlite::Must(
        ledger::CollectTombstones(&node->db, node->catalog, origins, stable, limit, &collected));
    EXPECT_EQ(collected, sqlite::Must(ledger::LoadCollected(&node->db, origins)));
  });
  return gone;
}

int64_t Tombstones(ApplyNode* node) {
  return sqlite::Must(ledger::CountTombstones(&node->db, node->catalog));
}

ProgressVector Everything(ApplyNode* node) {
  ProgressVector out = node->Progress();
  out.Advance(node->self, node->newest());
  return out;
}

class ForgottenTest : public testing::Test {
 protected:
  ApplyNode one_{kTables, 1};
  ApplyNode two_{kTables, 2};
  ApplyNode three_{kTables, 3};
};

TEST_F(ForgottenTest, OnlyWhatIsCoveredGoesAndNoMoreThanAskedFor) {
  one_.App(
      "INSERT INTO t SELECT value, 1 FROM ("
      "WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c LIMIT 10) "
      "SELECT value FROM c)");
  one_.App("INSERT INTO u VALUES('a', 1), ('B', 2)");
  one_.App("DELETE FROM t WHERE id > 3");  // Lseqs 13 to 19.
  one_.App("DELETE FROM u WHERE k = 'b'");
  one_.FoldAll();
  const Lseq end = one_.newest();
  EXPECT_EQ(Tombstones(&one_), 8);
  ProgressVector stable;
  stable.Advance(one_.self, Lseq(end.value - 3));
  EXPECT_EQ(Forget(&one_, stable, 2), 2);
  EXPECT_EQ(Forget(&one_, stable), 3);
  EXPECT_EQ(Forget(&one_, stable), 0);
  EXPECT_EQ(Tombstones(&one_), 3);
  EXPECT_EQ(Forget(&one_, Everything(&one_)), 3);
  EXPECT_EQ(one_.Query("SELECT count(*) FROM __harmonylite__v1"), Strings{"3"});
  EXPECT_EQ(one_.Query("SELECT k1 FROM __harmonylite__v2"), Strings{"'a'"});
  EXPECT_EQ(one_.Query("SELECT count(*) FROM t"), Strings{"3"});
}

TEST_F(ForgottenTest, LookingForSome) {
  one_.App("INSERT INTO t VALUES(1, 1), (2, 1); DELETE FROM t WHERE id = 1");
  one_.FoldAll();
  const auto origins = sqlite::Must(ledger::OriginTable::Load(&one_.db));
  ProgressVector before;
  before.Advance(one_.self, Lseq(1));
  EXPECT_FALSE(sqlite::Must(ledger::AnyCollectable(&one_.db, one_.catalog, origins, before)));
  EXPECT_TRUE(
      sqlite::Must(ledger::AnyCollectable(&one_.db, one_.catalog, origins, Everything(&one_))));
}

TEST_F(ForgottenTest, ABatchThatTellsAnOldWriteAgainDoesNotBringItBack) {
  one_.App("INSERT INTO t VALUES(1, 'old'), (2, 'old')");
  const auto first = one_.Publish();
  two_.Apply(*first);
  three_.Apply(*first);
  one_.App("INSERT INTO t VALUES(3, 'new')");
  // Node three knows nothing of the delete. Its answer to a node that has nothing overlaps with
  // what node two has.
  three_.ApplyFrom(&one_);
  const auto answer = three_.Repair({});
  two_.App("DELETE FROM t WHERE id = 1");
  EXPECT_EQ(Forget(&two_, Everything(&two_)), 1);
  two_.Apply(*answer);
  EXPECT_EQ(two_.Query("SELECT id, a FROM t"), (Strings{"2|'old'", "3|'new'"}));
  EXPECT_EQ(two_.Query("SELECT k1 FROM __harmonylite__v1"), (Strings{"2", "3"}));
}

TEST_F(ForgottenTest, ARowMayBeMadeAgain) {
  one_.App("INSERT INTO t VALUES(1, 'old'); DELETE FROM t WHERE id = 1");
  two_.ApplyFrom(&one_);
  Forget(&one_, Everything(&one_));
  Forget(&two_, Everything(&two_));
  two_.App("INSERT INTO t VALUES(1, 'again')");
  one_.ApplyFrom(&two_);
  EXPECT_EQ(one_.Query("SELECT a FROM t"), Strings{"'again'"});
  EXPECT_EQ(one_.Rows(), two_.Rows());
}

TEST_F(ForgottenTest, WhoLacksAForgottenDeleteGetsNoBatch) {
  one_.App("INSERT INTO t VALUES(1, 'old')");
  two_.ApplyFrom(&one_);
  one_.App("DELETE FROM t WHERE id = 1; INSERT INTO t VALUES(2, 'new')");
  ASSERT_EQ(Forget(&one_, Everything(&one_)), 1);
  const auto refused = one_.reader.ReadRepair(two_.Progress());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kLogGap);
  EXPECT_TRUE(one_.reader.ReadForMerge(two_.Progress()).ok());
  EXPECT_TRUE(one_.reader.ReadRepair(Everything(&one_)).ok());
}

}  // namespace
}  // namespace harmonylite::apply
