// Who listens is told of every table that a transaction of the replica has written to, and of
// nothing else.
#include "ports/row_listener.h"

#include <gtest/gtest.h>

#include "node/replication/replica_test_util.h"

namespace harmonylite::node {
namespace {

using Rows = std::map<std::string, int64_t>;

class Told final : public ports::RowListener {
 public:
  void RowsWritten(const Rows& rows) override {
    for (const auto& [table, written] : rows) rows_[table] += written;
  }
  Rows Take() { return std::exchange(rows_, {}); }

 private:
  Rows rows_;
};

class RowListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    two_.replica().SetRowListener(&told_);
    first_ = told_.Take();
  }
  WaitingBatch Waiting(const capture::BuiltBatch& batch) {
    std::string bytes;
    Must(batch.bytes.ReadAt(0, batch.bytes.size(), &bytes));
    Spool copy(dir_.path());
    Must(copy.Append(bytes));
    return {{batch.header.sender, std::move(copy), {}, {}}, batch.header, std::nullopt, 0};
  }

  test::TempDir dir_;
  TestReplica one_{1};
  TestReplica two_{2};
  Told told_;
  Rows first_;  // what is told when the listener is set
};

TEST_F(RowListenerTest, IsToldOfEachTableAtFirst) { EXPECT_EQ(first_, (Rows{{"t", 0}, {"u", 0}})); }

TEST_F(RowListenerTest, IsToldOfRowsThatArrive) {
  one_.App("INSERT INTO t VALUES(1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO u VALUES('x', 1)");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(told_.Take(), (Rows{{"t", 3}, {"u", 1}}));
  one_.App("UPDATE t SET a = 'A' WHERE id = 1; DELETE FROM t WHERE id = 2");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(told_.Take(), (Rows{{"t", 2}}));
}

TEST_F(RowListenerTest, IsNotToldOfOwnWrites) {
  two_.App("INSERT INTO t VALUES(1, 'a'); INSERT INTO u VALUES('x', 1)");
  two_.Publish();
  two_.Maintain();
  EXPECT_EQ(told_.Take(), Rows{});
}

TEST_F(RowListenerTest, IsNotToldOfRowsThatChangeNothing) {
  one_.App("INSERT INTO t VALUES(1, 'older')");
  const auto older = one_.Publish();
  MoveStamps(&two_, 60'000);
  two_.App("INSERT INTO t VALUES(1, 'newer')");
  two_.Apply(*older);  // it loses
  one_.App("DELETE FROM t WHERE id = 7");
  one_.App("INSERT INTO t VALUES(7, 'gone at once'); DELETE FROM t WHERE id = 7");
  two_.ApplyFrom(&one_);  // a delete of a row that was never here
  EXPECT_EQ(two_.Rows(), Strings{"1|'newer'"});
  EXPECT_EQ(told_.Take(), Rows{});
}

TEST_F(RowListenerTest, IsNotToldOfWhatIsRolledBack) {
  one_.App("INSERT INTO t VALUES(1, 'a')");
  WaitingBatch good = Waiting(*one_.Publish());
  TestReplica three(3, "CREATE TABLE elsewhere(id INTEGER PRIMARY KEY)");
  three.App("INSERT INTO elsewhere VALUES(1)");
  WaitingBatch bad = Waiting(*three.Publish());
  size_t failed = 0;
  const Status applied = two_.replica().Apply({&good, &bad}, {}, &failed);
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(failed, 1u);
  ledger::Members members;
  members[NodeId(9)].heard_ms = 1;
  Must(two_.replica().RememberMembers(members));  // a transaction that writes no row
  EXPECT_EQ(told_.Take(), Rows{});
  Must(two_.replica().Apply({&good}, {}, &failed));
  EXPECT_EQ(told_.Take(), (Rows{{"t", 1}}));
}

TEST_F(RowListenerTest, IsToldOfARowThatGivesWayAndComesBack) {
  one_.App("INSERT INTO u VALUES('theirs', 1)");
  MoveStamps(&two_, 60'000);
  two_.App("INSERT INTO u VALUES('ours', 1)");
  two_.ApplyFrom(&one_);
  EXPECT_EQ(two_.Query("SELECT k FROM u"), Strings{"'ours'"});
  EXPECT_EQ(told_.Take(), Rows{}) << "what arrived is shadowed at once";
  two_.App("DELETE FROM u");
  two_.Maintain();
  EXPECT_EQ(two_.Query("SELECT k FROM u"), Strings{"'theirs'"});
  EXPECT_EQ(told_.Take(), (Rows{{"u", 1}})) << "the application deleted one row, and has another";
}

TEST_F(RowListenerTest, IsToldOfAMergedSnapshot) {
  one_.App("INSERT INTO t VALUES(1, 'a'), (2, 'b'), (3, 'c')");
  two_.ApplyFrom(&one_);
  told_.Take();
  one_.App(
      "DELETE FROM t WHERE id < 3; INSERT INTO t VALUES(4, 'd'); INSERT INTO u VALUES('x', 1)");
  one_.Publish();
  one_.Forget();
  const auto snapshot = one_.Snapshot();
  EXPECT_EQ(two_.Merge(snapshot.get()).removed, 2);
  EXPECT_EQ(two_.Rows(), (Strings{"3|'c'", "4|'d'"}));
  EXPECT_EQ(told_.Take(), (Rows{{"t", 3}, {"u", 1}}));
}

TEST_F(RowListenerTest, IsToldOfRowsFromBefore) {
  TestReplica old(3, std::string(kTables) + "INSERT INTO t VALUES(1, 'old'), (2, 'old')");
  const auto snapshot = old.Snapshot();
  auto old_rows = Must(two_.replica().FindOldRows(snapshot.get()));
  while (const auto found = Must(old_rows.Next(10))) Must(two_.replica().AddOldRows(*found));
  EXPECT_EQ(two_.Rows().size(), 2u);
  EXPECT_EQ(told_.Take(), (Rows{{"t", 2}}));
}

TEST_F(RowListenerTest, IsToldOfRepairedRows) {
  one_.App("INSERT INTO t VALUES(1, 'sound')");
  const auto batch = one_.Publish();
  two_.Apply(*batch);
  told_.Take();
  WaitingBatch again = Waiting(*batch);
  EXPECT_EQ(Must(two_.replica().Reapply(&again)), 0);
  EXPECT_EQ(told_.Take(), Rows{}) << "the row is sound";
  auto careless = Must(sqlite::Connection::Open(two_.path(), sqlite::OpenMode::kReadWrite));
  careless.EnableTriggers(false);
  sqlite::Execute(&careless, "UPDATE t SET a = 'damaged'");
  EXPECT_EQ(Must(two_.replica().Reapply(&again)), 1);
  EXPECT_EQ(told_.Take(), (Rows{{"t", 1}}));
}

TEST_F(RowListenerTest, IsToldOfRowsThatAnOrderRemoves) {
  TestReplica three(3, std::string(kTables) + "INSERT INTO t VALUES(1, 'old'), (2, 'old')");
  three.replica().SetRowListener(&told_);
  told_.Take();
  const auto order = [](OrderKind kind, int64_t key) {
    RowOrders orders;
    RowOrder& one = orders.orders.emplace_back();
    one.kind = kind;
    one.table = "t";
    one.keys.emplace_back().emplace_back(change::ValueView::Integer(key));
    one.marks.emplace_back();  // a row from before has no version
    return orders;
  };
  EXPECT_EQ(Must(three.replica().CarryOut(order(OrderKind::kRemove, 1))), 1);
  EXPECT_EQ(told_.Take(), (Rows{{"t", 1}}));
  EXPECT_EQ(Must(three.replica().CarryOut(order(OrderKind::kJournal, 2))), 1);
  EXPECT_EQ(told_.Take(), Rows{}) << "a row that is journaled stays as it is";
}

}  // namespace
}  // namespace harmonylite::node
