#include "sqlite/connection.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>
#include <utility>

#include "sqlite/foreign_text.h"
#include "sqlite/sqlite_test_util.h"
#include "sqlite/transaction.h"
#include "sqlite/vacuum.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::sqlite {
namespace {

using Strings = std::vector<std::string>;

class ConnectionTest : public testing::Test {
 protected:
  Connection Open(OpenMode mode = OpenMode::kCreate) { return Must(Connection::Open(path_, mode)); }
  test::TempDir dir_;
  std::string path_ = dir_.File("app.db");
};

ErrorCode OpenError(const std::string& path, OpenMode mode) {
  const auto result = Connection::Open(path, mode);
  EXPECT_FALSE(result.ok());
  return result.ok() ? ErrorCode::kRetryLater : result.error().code();
}

TEST_F(ConnectionTest, OpeningWhatIsNotThere) {
  EXPECT_EQ(OpenError(path_, OpenMode::kReadWrite), ErrorCode::kNotFound);
  EXPECT_EQ(OpenError(path_, OpenMode::kReadOnly), ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ConnectionTest, OpeningWhatIsNoDatabase) {
  std::ofstream(path_) << std::string(4096, 'x');
  EXPECT_EQ(OpenError(path_, OpenMode::kReadWrite), ErrorCode::kCorruption);
  EXPECT_EQ(OpenError(dir_.path(), OpenMode::kReadWrite), ErrorCode::kInvalidArgument);
}

TEST_F(ConnectionTest, OpensAnEmptyFile) {
  std::ofstream(path_) << "";
  Connection db = Open(OpenMode::kReadWrite);
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM sqlite_schema"), Strings{"0"});
}

TEST_F(ConnectionTest, ReadOnlyDoesNotWrite) {
  Connection writer = Open();
  Execute(&writer, "CREATE TABLE t(a)");
  Connection reader = Open(OpenMode::kReadOnly);
  EXPECT_FALSE(reader.Exec("INSERT INTO t VALUES(1)").ok());
}

TEST_F(ConnectionTest, ValuesKeepTheirClassAndBits) {
  Connection db = Open();
  Execute(&db, "CREATE TABLE t(a BLOB)");
  const std::string with_nul("a\0b", 3);
  const std::vector<ValueView> values = {
      ValueView::Null(),         ValueView::Integer(std::numeric_limits<int64_t>::min()),
      ValueView::Real(-0.0),     ValueView::Real(std::numeric_limits<double>::infinity()),
      ValueView::Real(5.0),      ValueView::Text(""),
      ValueView::Text(with_nul), ValueView::Text("\xff\xfe"),
      ValueView::Blob(""),       ValueView::Blob(with_nul),
  };
  Statement insert = Must(db.Prepare("INSERT INTO t VALUES(?1)"));
  Statement select = Must(db.Prepare("SELECT a FROM t WHERE rowid = ?1"));
  for (const ValueView& value : values) {
    insert.Bind(1, value);
    EXPECT_OK(insert.Run());
    select.Bind(1, db.last_insert_rowid());
    EXPECT_TRUE(Must(select.Step()));
    EXPECT_TRUE(Identical(select.Column(0), value)) << Render(select.Column(0));
    select.Reset();
  }
}

TEST_F(ConnectionTest, ConstraintsAreConflicts) {
  Connection db = Open();
  Execute(&db,
          "CREATE TABLE t(a INTEGER PRIMARY KEY, b UNIQUE, c CHECK(c > 0), d NOT NULL);"
          "INSERT INTO t VALUES(1, 1, 1, 1)");
  const auto unique_refuses = [&](const char* sql) {
    const Status status = db.Exec(sql);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), ErrorCode::kConflict) << sql;
    return db.constraint_was_unique();
  };
  EXPECT_TRUE(unique_refuses("INSERT INTO t VALUES(1, 2, 1, 1)"));
  EXPECT_TRUE(unique_refuses("INSERT INTO t VALUES(2, 1, 1, 1)"));
  EXPECT_FALSE(unique_refuses("INSERT INTO t VALUES(2, 2, 0, 1)"));
  EXPECT_FALSE(unique_refuses("INSERT INTO t VALUES(2, 2, 1, NULL)"));
}

TEST_F(ConnectionTest, ATextIsExactlyOneStatement) {
  Connection db = Open();
  Execute(&db, "CREATE TABLE t(a)");
  for (const std::string& sql :
       {std::string("INSERT INTO t VALUES(1); INSERT INTO t VALUES(2)"),
        std::string("INSERT INTO t VALUES(1); '"), std::string("INSERT INTO t VALUES(1)\0;", 25),
        std::string("\0", 1), std::string(), std::string(" -- nothing")}) {
    const Status refused = db.Exec(sql);
    ASSERT_FALSE(refused.ok()) << sql;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument) << sql;
    EXPECT_FALSE(db.Prepare(sql).ok()) << sql;
    EXPECT_FALSE(db.PrepareCached(sql).ok()) << sql;
  }
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM t"), Strings{"0"});
  EXPECT_OK(db.Exec("INSERT INTO t VALUES(1); -- and no more\n /* ; */ ;"));
}

TEST_F(ConnectionTest, NothingIsAttached) {
  Connection made = Open();
  Execute(&made, "CREATE TABLE t(a)");
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite, OpenMode::kCreate}) {
    Connection db = Open(mode);
    EXPECT_FALSE(db.Exec("ATTACH ':memory:' AS x").ok());
    EXPECT_FALSE(db.Exec(fmt::format("ATTACH '{}' AS x", dir_.File("other"))).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.File("other")));
  Connection db = Open();
  EXPECT_OK(Vacuum(&db));
  EXPECT_OK(VacuumInto(&db, dir_.File("copy")));
  EXPECT_TRUE(std::filesystem::exists(dir_.File("copy")));
  EXPECT_FALSE(db.Exec("ATTACH ':memory:' AS x").ok());
}

TEST_F(ConnectionTest, TheSchemaIsNoTableToWriteTo) {
  Connection db = Open();
  Execute(&db, "CREATE TABLE t(a); PRAGMA writable_schema = ON");
  EXPECT_FALSE(db.Exec("UPDATE sqlite_schema SET sql = sql || ' '").ok());
}

// A row of another node may hold more than this SQLite takes.
TEST_F(ConnectionTest, AValueThatIsTooLongIsAnErrorOfTheNextStep) {
  Connection db = Open();
  Execute(&db, "CREATE TABLE t(a, b)");
  sqlite3_limit(db.raw(), SQLITE_LIMIT_LENGTH, 1000);
  Statement insert = Must(db.Prepare("INSERT INTO t VALUES(?1, ?2)"));
  const std::string much(1001, 'x');
  insert.Bind(1, std::string_view(much));
  insert.Bind(2, int64_t{1});
  const Status refused = insert.Run();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM t"), Strings{"0"});
  insert.Bind(1, std::string_view(much).substr(501));
  EXPECT_OK(insert.Run());
  EXPECT_EQ(Query(&db, "SELECT length(a), b FROM t"), Strings{"500|1"});
}

TEST_F(ConnectionTest, BusyIsRetryLater) {
  Connection one = Open();
  Connection two = Open();
  two.SetBusyTimeout(0);
  Execute(&one, "CREATE TABLE t(a)");
  auto held = Must(Transaction::Begin(&one, TransactionKind::kWrite));
  const auto refused = Transaction::Begin(&two, TransactionKind::kWrite);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRetryLater);
  EXPECT_TRUE(refused.error().passing());
  ASSERT_OK(held.Commit());
  EXPECT_OK(Transaction::Begin(&two, TransactionKind::kWrite));
}

TEST_F(ConnectionTest, TransactionsRollBackUnlessCommitted) {
  Connection db = Open();
  Execute(&db, "CREATE TABLE t(a)");
  {
    auto dropped = Must(Transaction::Begin(&db, TransactionKind::kWrite));
    Execute(&db, "INSERT INTO t VALUES(1)");
  }
  EXPECT_FALSE(db.in_transaction());
  {
    auto kept = Must(Transaction::Begin(&db, TransactionKind::kWrite));
    Execute(&db, "INSERT INTO t VALUES(2)");
    ASSERT_OK(kept.Commit());
  }
  EXPECT_EQ(Query(&db, "SELECT a FROM t"), Strings{"2"});
}

TEST_F(ConnectionTest, ReadTransactionsFixTheirSnapshotAtOnce) {
  Connection writer = Open();
  Execute(&writer, "PRAGMA journal_mode = WAL; CREATE TABLE t(a)");
  Connection reader = Open();
  auto snapshot = Must(Transaction::Begin(&reader, TransactionKind::kRead));
  Execute(&writer, "INSERT INTO t VALUES(1)");
  EXPECT_EQ(Query(&reader, "SELECT count(*) FROM t"), Strings{"0"});
  snapshot.Rollback();
  EXPECT_EQ(Query(&reader, "SELECT count(*) FROM t"), Strings{"1"});
}

TEST_F(ConnectionTest, DataVersionMovesWithTheCommitsOfOthers) {
  Connection one = Open();
  Connection two = Open();
  Execute(&one, "CREATE TABLE t(a)");
  ASSERT_VALUE(const int64_t before, two.DataVersion());
  ASSERT_VALUE(const int64_t still, two.DataVersion());
  EXPECT_EQ(before, still);
  Execute(&two, "INSERT INTO t VALUES(1)");
  ASSERT_VALUE(const int64_t own, two.DataVersion());
  EXPECT_EQ(before, own);
  Execute(&one, "INSERT INTO t VALUES(1)");
  ASSERT_VALUE(const int64_t after, two.DataVersion());
  EXPECT_NE(before, after);
}

// Records each call, and whether another connection could take the write lock at that moment.
class RecordingListener final : public WriteLockListener {
 public:
  explicit RecordingListener(Connection* other) : other_(other) {}
  Status BeforeLock(TransactionKind) override {
    Note("before");
    return Ok();
  }
  void Locked() override { Note("locked"); }
  void Released() override { Note("released"); }
  void Ended() override { Note("ended"); }
  Strings told;

 private:
  void Note(const std::string& what) {
    const bool free = other_->Exec("BEGIN IMMEDIATE").ok();
    if (free) Execute(other_, "ROLLBACK");
    told.push_back(what + (free ? " free" : " taken"));
  }
  Connection* other_;
};

TEST_F(ConnectionTest, TheListenerHearsWhenTheWriteLockIsFree) {
  Connection db = Open();
  Connection other = Open();
  Execute(&db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
  RecordingListener listener(&other);
  db.SetWriteLockListener(&listener);
  {
    ASSERT_VALUE(auto transaction, Transaction::Begin(&db, TransactionKind::kWrite));
    Execute(&db, "INSERT INTO t VALUES(1)");
    ASSERT_OK(transaction.Commit());
  }
  EXPECT_EQ(listener.told, (Strings{"before free", "locked taken", "released free", "ended free"}));
  listener.told.clear();
  {
    ASSERT_VALUE(auto transaction, Transaction::Begin(&db, TransactionKind::kWrite));
    transaction.Rollback();
  }
  EXPECT_EQ(listener.told, (Strings{"before free", "locked taken", "ended free"}));
}

TEST_F(ConnectionTest, ARollbackThatIsInterruptedGivesTheLockBackAllTheSame) {
  Connection db = Open();
  Connection other = Open();
  Execute(&db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
  const auto interrupt_rollback = [](unsigned, void* interrupted, void* statement, void* sql) {
    if (std::string_view(static_cast<const char*>(sql)) != "ROLLBACK" ||
        std::exchange(*static_cast<bool*>(interrupted), true))
      return 0;
    sqlite3_interrupt(sqlite3_db_handle(static_cast<sqlite3_stmt*>(statement)));
    return 0;
  };
  bool interrupted = false;
  sqlite3_trace_v2(db.raw(), SQLITE_TRACE_STMT, interrupt_rollback, &interrupted);
  {
    ASSERT_VALUE(auto transaction, Transaction::Begin(&db, TransactionKind::kWrite));
    Execute(&db, "INSERT INTO t VALUES(1)");
  }
  EXPECT_TRUE(interrupted);
  ASSERT_OK(other.Exec("BEGIN IMMEDIATE"));
}

// What makes SQLite prepare statements anew must not leave the rollback to memory that is short.
TEST_F(ConnectionTest, ARollbackNeedsNoMemory) {
  Connection db = Open();
  Connection other = Open();
  Execute(&db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
  {
    ASSERT_VALUE(auto transaction, Transaction::Begin(&db, TransactionKind::kWrite));
    Execute(&db, "INSERT INTO t VALUES(1)");
    Must(db.Exec("CREATE TEMP TABLE x(a)"));
    std::vector<PlannedAction> actions;
    Must(db.PrepareListing("SELECT a FROM t", &actions));
    Must(CreateObject(&db, "index", {"i", "t", "CREATE INDEX i ON t(a)"}));
    sqlite3_hard_heap_limit64(1);
  }
  sqlite3_hard_heap_limit64(0);
  ASSERT_OK(other.Exec("BEGIN IMMEDIATE"));
}

TEST_F(ConnectionTest, AWalThatGrewLongIsMovedIntoTheFileAfterTheListenerHasHeard) {
  Connection db = Open();
  Connection other = Open();
  Execute(&db, "PRAGMA journal_mode=WAL; CREATE TABLE t(a)");
  RecordingListener listener(&other);
  db.SetWriteLockListener(&listener);
  Execute(&db, "INSERT INTO t VALUES(zeroblob(10000000))");
  // If all of the WAL was moved into the file, this write begins the WAL anew.
  Execute(&db, "INSERT INTO t VALUES(1)");
  EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 12'000'000u);
  EXPECT_GE(std::filesystem::file_size(path_), 10'000'000u);
  EXPECT_EQ(listener.told, (Strings{"released free", "released free"}));
  db.SetWriteLockListener(nullptr);
  Execute(&db, "INSERT INTO t VALUES(2)");
  EXPECT_EQ(listener.told.size(), 2u);
}

TEST_F(ConnectionTest, TriggersCanBeSwitchedOffButTempOnesStay) {
  Connection db = Open();
  Execute(&db,
          "CREATE TABLE t(a); CREATE TABLE seen(who);"
          "CREATE TRIGGER main_t AFTER INSERT ON t BEGIN INSERT INTO seen VALUES('main'); END;"
          "CREATE TEMP TRIGGER temp_t AFTER INSERT ON t BEGIN"
          " INSERT INTO seen VALUES('temp'); END;");
  db.EnableTriggers(false);
  Execute(&db, "INSERT INTO t VALUES(1)");
  EXPECT_EQ(Query(&db, "SELECT who FROM seen"), Strings{"'temp'"});
  db.EnableTriggers(true);
  Execute(&db, "DELETE FROM seen; INSERT INTO t VALUES(1)");
  EXPECT_EQ(Query(&db, "SELECT who FROM seen ORDER BY who"), (Strings{"'main'", "'temp'"}));
}

TEST_F(ConnectionTest, ListsWhatAStatementAndItsTriggersDo) {
  Connection db = Open();
  Execute(&db,
          "CREATE TABLE t(a); CREATE TABLE log(x);"
          "CREATE TRIGGER note AFTER INSERT ON t BEGIN INSERT INTO log VALUES(NEW.a); END;");
  std::vector<PlannedAction> actions;
  ASSERT_VALUE(Statement unused, db.PrepareListing("INSERT INTO t VALUES(1)", &actions));
  Strings inserts;
  for (const PlannedAction& action : actions)
    if (action.kind == PlannedAction::kInsert)
      inserts.push_back(action.table + ":" + action.trigger);
  EXPECT_EQ(inserts, (Strings{"t:", "log:note"}));
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM t"), Strings{"0"});
}

TEST_F(ConnectionTest, InterruptEndsACallInProgress) {
  Connection db = Open();
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) db.Interrupt();
  });
  const auto endless = db.QueryInt(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n");
  done = true;
  other.join();
  ASSERT_FALSE(endless.ok());
  EXPECT_EQ(endless.error().code(), ErrorCode::kRetryLater);
  EXPECT_FALSE(endless.error().passing());
}

TEST_F(ConnectionTest, AWalkVisitsEachRowAndEndsAtTheFirstError) {
  Connection db = Open();
  ASSERT_VALUE(Statement list, db.Prepare("VALUES (1), (2), (3)"));
  std::vector<int64_t> seen;
  const auto note = [&](const Statement& row) { seen.push_back(row.Int(0)); };
  ASSERT_OK(list.ForEachRow(note));
  EXPECT_EQ(seen, (std::vector<int64_t>{1, 2, 3}));

  const Status stopped = list.ForEachRow([&](const Statement& row) -> Status {
    if (row.Int(0) == 2) return MakeError(ErrorCode::kConflict, "enough");
    return Ok();
  });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().message(), "enough");
  // The statement was reset, so that the next walk begins at the first row again.
  ASSERT_OK(list.ForEachRow(note));
  EXPECT_EQ(seen, (std::vector<int64_t>{1, 2, 3, 1, 2, 3}));
}

TEST_F(ConnectionTest, QueriesWithoutARowSaySo) {
  Connection db = Open();
  const auto none = db.QueryInt("SELECT 1 WHERE 0");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(db.QueryText("SELECT * FROM nowhere").error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace harmonylite::sqlite
